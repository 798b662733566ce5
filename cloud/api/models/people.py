"""Sessions, users and tokens."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from cloud.api.models.common import Given, Milliseconds, example
from cloud.identity.accounts import NAME
from cloud.identity.tokens import LONGEST_DAYS
from cloud.registry.port import Role, TokenRecord, UserRecord

_LAN: Final[JsonDict] = {"name": "lan", "role": "operator", "password": "bốn từ không liên quan"}


class LogIn(Given):
    """Name and password."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class Me(BaseModel):
    """Who asks."""

    model_config = example(name="lan", role="operator")

    name: str
    role: Role


class NewUser(Given):
    """A user to make."""

    model_config = Given.model_config | ConfigDict(json_schema_extra={"example": _LAN})

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    role: Role
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class UserModel(BaseModel):
    """A person who may log in."""

    name: str
    role: Role
    disabled: bool


class Users(BaseModel):
    """All users."""

    items: list[UserModel]


class TokenWanted(Given):
    """A token to make."""

    model_config = Given.model_config | example(name="bang-dieu-khien", role="viewer", days=90)

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w .:@-]+$")]
    role: Role
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] | None = Field(
        default=None, description="Days until it ends; null for never"
    )
    browser: bool = Field(default=False, description="May be exchanged for a browser session at /sign-in")


class TokenModel(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    browser: bool
    created_ms: Milliseconds
    expires_ms: Milliseconds | None
    last_used_ms: Milliseconds | None


class MadeToken(TokenModel):
    """A new token with its secret, which is shown this once."""

    token: str = Field(examples=["kega_wYJ3…"])


class Tokens(BaseModel):
    """All tokens, oldest first."""

    items: list[TokenModel]


def user_model(user: UserRecord) -> UserModel:
    """The user as the API tells it."""
    return UserModel(name=user.name, role=user.role, disabled=user.disabled)


def token_model(token: TokenRecord) -> TokenModel:
    """The token as the API tells it."""
    return TokenModel(
        id=token.id,
        name=token.name,
        role=token.role,
        browser=token.browser,
        created_ms=token.created_ms,
        expires_ms=token.expires_ms,
        last_used_ms=token.last_used_ms,
    )
