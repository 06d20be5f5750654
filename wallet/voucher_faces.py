"""The face of a voucher: a coupon with its own code, beside the member's card."""

from dataclasses import replace

from app import ids
from app.rewards.kinds import describe, load_value
from app.services.pass_faces import VoucherFacts
from wallet import designs
from wallet.card_face import CardFace, FaceField


def face(facts: VoucherFacts) -> CardFace:
    """Return the face of a voucher: a coupon with its own code, void once no till honours it."""
    frame = designs.frame(facts.program, facts.spoken)
    voucher, reward, said = facts.voucher, facts.reward, frame.said
    name = said.given(reward.name, designs.named(reward)) if reward.locales else voucher.name
    voided = facts.code is None
    front = [FaceField(key="voucher", label=facts.program.name, value=name, area="primary")]
    if voucher.valid_until is not None:
        day = designs.last_day(voucher.valid_until, facts.program.timezone)
        front.append(
            FaceField(key="expiry", label=said.phrase("valid_until"), value=day, kind="date", area="secondary")
        )
    if voided:
        front.append(frame.state_field("voucher_state", "expired" if voucher.status == "issued" else voucher.status))
    member = designs.member_name(facts.member)
    if member:
        front.append(FaceField(key="member", label=said.phrase("member"), value=said.same(member), area="auxiliary"))
    gives = load_value(reward.kind, reward.value)
    told = said.say(lambda tag: describe(gives, tag, facts.program.currency))
    back = [FaceField(key="gives", label=said.phrase("gives"), value=told, area="back")]
    found = frame.face(
        style="voucher",
        description=said.phrase("voucher", program=lambda _: facts.program.name),
        strip_style="plain",
        barcode_text=facts.code,
        barcode_caption=facts.code[2:] if facts.code else None,
        member_name=member,
        fields=(*front, *back, *frame.back_fields()),
        expires_at=voucher.valid_until,
        voided=voided,
        grouping=f"{ids.show('program', facts.program.id)}-vouchers",
    )
    return replace(found, strings=said.strings)
