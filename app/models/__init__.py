"""The tables, one file a family."""

from app.db.base import Base, BulkTenant, HotTenant, Tenant
from app.models.access import ApiKey, Attempt, AuditEntry, Staff, StaffSession, StaffStore
from app.models.activity import Activity, IdempotencyKey
from app.models.campaign import (
    Campaign,
    CampaignDelivery,
    CampaignRun,
    Journey,
    MemberContact,
    PushCredential,
    Segment,
    SegmentMember,
)
from app.models.customer import Customer, CustomerCode, CustomerSession, Device
from app.models.event import Delivery, Event
from app.models.ledger import Allocation, Debt, Entry, Hold, Lot, PendingGrant
from app.models.letter import Letter
from app.models.member import Card, CodeUse, Consent, Member
from app.models.offer import Reward, Rule, RuleSetVersion, RuleUsage, RuleVersion, Voucher
from app.models.program import Partner, Program, Store
from app.models.purse import Account, Purse
from app.models.report import KeptReport
from app.models.wallet import (
    GoogleNonce,
    Pass,
    PassDevice,
    PassLink,
    PassLog,
    PassMessage,
    PassRegistration,
    PassRevision,
    PassUpdate,
    WalletCredential,
)
from app.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "Account", "Activity", "Allocation", "ApiKey", "Attempt", "AuditEntry", "Base", "BulkTenant", "Campaign",
    "CampaignDelivery", "CampaignRun", "Card", "CodeUse", "Consent", "Customer", "CustomerCode", "CustomerSession",
    "Debt", "Delivery", "Device", "Entry", "Event", "GoogleNonce", "Hold", "HotTenant", "IdempotencyKey", "Journey",
    "KeptReport", "Letter", "Lot", "Member", "MemberContact", "Partner", "Pass", "PassDevice", "PassLink", "PassLog",
    "PassMessage", "PassRegistration", "PassRevision", "PassUpdate", "PendingGrant", "Program", "Purse",
    "PushCredential", "Reward", "Rule", "RuleSetVersion", "RuleUsage", "RuleVersion", "Segment", "SegmentMember",
    "Staff", "StaffSession", "StaffStore", "Store", "Tenant", "Voucher", "WalletCredential", "Webhook",
    "WebhookDelivery",
]  # fmt: skip
