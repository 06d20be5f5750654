"""The engine of campaigns: runs are begun, their deliveries made in SQL, and drained by channel under leases."""
