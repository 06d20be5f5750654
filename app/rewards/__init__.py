"""What redeeming gives: the kinds of rewards and their values, pure; one file a kind."""
