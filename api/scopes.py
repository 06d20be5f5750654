"""Who may call what: the sets that operations name. An operation without one does not start."""

PUBLIC = frozenset({"public"})
CUSTOMER = frozenset({"customer"})
OWNER = frozenset({"owner", "setup"})
OWNER_IN_PERSON = frozenset({"owner"})
SETUP_READ = frozenset({"owner", "marketer", "cashier", "setup", "till"})
MARKETING = frozenset({"owner", "marketer", "setup"})
TILL = frozenset({"owner", "cashier", "till"})
MEMBERS = frozenset({"owner", "marketer", "cashier", "members", "till"})
MEMBERS_ALL = frozenset({"owner", "marketer", "members"})
EVENTS = frozenset({"owner", "marketer", "setup", "till"})
ANY_STAFF = frozenset({"owner", "marketer", "cashier"})

API_KEY_SCOPES = ("till", "members", "setup")
"""What an API key may be given: scan and redeem; find and enrol members; set the programme up."""
