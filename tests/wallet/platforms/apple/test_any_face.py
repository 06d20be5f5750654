"""Whatever a face says, its package opens: faces of all kinds, in all scripts, drawn by chance."""

from datetime import date, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wallet.platforms.apple import samples
from tests.wallet.platforms.apple.samples import NOON, SERVICE, TOKEN
from wallet.card_face import AppLink, CardFace, Colours, FaceField, Link, Nfc, Place, RelevantSpan
from wallet.platforms.apple import diagnosis, language_checks, package
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.signing import Signer

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
places = st.sampled_from(["header", "primary", "secondary", "auxiliary", "back"])
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001 - zones are drawn
colours = st.from_regex(r"\A#[0-9a-fA-F]{6}\Z")
values = st.one_of(
    st.tuples(st.just("text"), texts, st.none()),
    st.tuples(st.just("number"), st.integers(-(10**15), 10**15), st.none()),
    st.tuples(st.just("money"), st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "KWD", "XOF"])),
    st.tuples(st.just("date"), st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.none()),
    st.tuples(st.just("instant"), instants, st.none()),
)
languages = st.dictionaries(
    st.sampled_from(["en", "de", "ar", "pt-BR", "zh-Hans"]),
    st.dictionaries(texts, texts, max_size=4),
    max_size=3,
)
links = st.builds(Link, label=texts, url=texts.map(lambda text: f"https://x.example/{text}"))
stores = st.builds(Place, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180), text=st.none() | texts)


@st.composite
def fields(draw: st.DrawFn) -> tuple[FaceField, ...]:
    found = []
    for place in range(draw(st.integers(0, 8))):
        kind, value, currency = draw(values)
        found.append(
            FaceField(
                key=f"field_{place}",
                label=draw(texts),
                value=value,
                kind=kind,  # type: ignore[arg-type]
                area=draw(places),  # type: ignore[arg-type]
                currency=currency,
                change_message=draw(st.none() | texts.map(lambda text: f"{text} %@")),
            )
        )
    return tuple(found)


faces = st.builds(
    CardFace,
    style=st.sampled_from(["card", "voucher"]),
    program_name=texts,
    description=texts,
    title=st.just("") | texts,
    locale=st.sampled_from(["fr", "en"]),
    locales=st.just(("fr", "en")),
    strings=languages,
    barcode_text=st.none() | st.from_regex(r"\A[A-Z0-9:]{1,60}\Z"),
    barcode_format=st.sampled_from(["qr", "pdf417", "aztec", "code128"]),
    barcode_caption=st.none() | texts,
    colours=st.builds(Colours, background=colours, foreground=colours, label=colours),
    fields=fields(),
    links=st.lists(links, max_size=2).map(tuple),
    locations=st.lists(stores, max_size=12).map(tuple),
    max_distance_m=st.none() | st.integers(1, 1000),
    relevant=st.lists(st.builds(RelevantSpan, start=instants, end=st.none() | instants), max_size=3).map(tuple),
    expires_at=st.none() | instants,
    voided=st.booleans(),
    app=st.none() | st.builds(AppLink, apple_store_id=st.none() | st.integers(1, 2**40), launch_url=st.none() | texts),
    nfc=st.none() | st.builds(Nfc, message=st.just("A1X"), public_key=st.just(samples.NFC_KEY)),
    sharing_prohibited=st.booleans(),
    grouping=st.none() | texts,
)  # fmt: skip


@settings(max_examples=150)
@given(face=faces)
def test_any_face_makes_a_package_that_opens(face: CardFace, signer: Signer, authority: Authority) -> None:
    chunks = package.build(face, samples.images(), signer, serial="1", token=TOKEN, service_url=SERVICE, at=NOON)
    built = b"".join(chunks)
    found = diagnosis.of_package(built, now=NOON, authorities=[authority.intermediate])
    assert diagnosis.stopping(found) == []
    files = samples.files_of(built)
    for tag, words in face.strings.items():
        if words and tag != face.locale:
            read = language_checks.read(files[f"{tag}.lproj/pass.strings"])
            assert {key: read[key] for key in words} == words
