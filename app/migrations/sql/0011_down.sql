DROP FUNCTION member_app_names(uuid);
