"""Fields of brands, designs and texts: colours, addresses of pictures and pages, words by language."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate

from api.fields import Text
from app.services.programs import LOCALE, LOCALES_MAX

URL_MAX = 2000
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


class Colour(fields.String):
    """A colour of six hexadecimal digits, `#1a2b3c`; kept in small letters."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": f"^{_COLOUR.pattern}$", "example": "#5b2333", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        if not _COLOUR.fullmatch(text):
            raise ValidationError("A colour is # and six hexadecimal digits, such as #5b2333.")
        return text.lower()


class HttpsUrl(Text):
    """An `https` address with a host and without a name or password in it."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uri", "pattern": "^https://", **kwargs.pop("metadata", {})}
        super().__init__(high=URL_MAX, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(text)
            usable = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and parts.port != 0
        except ValueError:
            usable = False
        if (
            not usable
            or not text.isascii()
            or not text.isprintable()
            or any(letter in text for letter in ' "<>\\^`{|}')
        ):
            raise ValidationError("An address that begins with https://, percent-encoded (RFC 3986).")
        return text


class ByLocale(fields.Dict):
    """Words by language tag: `{"fr": …, "pt-BR": …}`."""

    def __init__(self, values: "fields.Field[Any] | type[Schema]", **kwargs: Any) -> None:
        inner = values if isinstance(values, fields.Field) else fields.Nested(values)
        description = "By language: a tag such as fr or pt-BR"
        super().__init__(
            keys=fields.String(),
            values=inner,
            validate=validate.Length(max=LOCALES_MAX),
            metadata={
                "description": description,
                "propertyNames": {"pattern": f"^{LOCALE}$"},
                "maxProperties": LOCALES_MAX,
                **kwargs.pop("metadata", {}),
            },
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Mapping):
            wrong = [tag for tag in value if not re.fullmatch(LOCALE, str(tag))]
            if wrong:
                raise ValidationError({str(tag): ["Not a language tag, such as fr or pt-BR."] for tag in wrong})
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            raise ValidationError(_by_key(error.messages)) from None


def _by_key(messages: Any) -> Any:
    """Return marshmallow's `{key: {"value": …}}` as `{key: …}`, so that pointers lead to the value."""
    if not isinstance(messages, dict):
        return messages
    return {
        key: inner.get("value", inner.get("key")) if isinstance(inner, dict) else inner
        for key, inner in messages.items()
    }
