"""What happens at the same instant: many tills, one member, one voucher, one key."""
