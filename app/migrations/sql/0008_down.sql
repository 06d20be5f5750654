DROP TABLE campaign_report;
