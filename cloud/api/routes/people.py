"""Users and tokens; for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from cloud.api.access import PeopleManager
from cloud.api.context import In
from cloud.api.models.people import (
    MadeToken,
    NewUser,
    Tokens,
    TokenWanted,
    UserModel,
    Users,
    token_model,
    user_model,
)
from cloud.errors import NotFound
from cloud.identity.accounts import new_user
from cloud.identity.tokens import new_token

router = APIRouter(tags=["people"])


@router.get("/users")
async def users(_who: PeopleManager, context: In) -> Users:
    """All users."""
    return Users(items=[user_model(each) for each in await context.threads.run(context.registry.users)])


@router.post("/users", status_code=201)
async def add_user(given: NewUser, who: PeopleManager, context: In) -> UserModel:
    """Make a user."""
    user = await context.threads.run(
        new_user, context.registry, given.name, given.role, given.password, by=who.name
    )
    return user_model(user)


@router.get("/tokens")
async def tokens(_who: PeopleManager, context: In) -> Tokens:
    """All tokens, without their secrets."""
    return Tokens(items=[token_model(each) for each in await context.threads.run(context.registry.tokens)])


@router.post("/tokens", status_code=201)
async def add_token(given: TokenWanted, who: PeopleManager, context: In) -> MadeToken:
    """Make a token. Its secret is in this answer and nowhere else."""
    made = new_token(
        given.name, given.role, now_ms=context.clock.now_ms(), days=given.days, browser=given.browser
    )
    await context.threads.run(context.registry.add_token, made.record, by=who.name)
    return MadeToken(**token_model(made.record).model_dump(), token=made.secret)


@router.delete("/tokens/{token}", status_code=204)
async def revoke(token: Annotated[str, Path(max_length=64)], who: PeopleManager, context: In) -> None:
    """Revoke a token: whoever uses it, and browsers that came by it, are out at once."""
    if not await context.threads.run(context.registry.delete_token, token, by=who.name):
        raise NotFound(f"no token {token}: list the tokens with GET /api/v1/tokens")
