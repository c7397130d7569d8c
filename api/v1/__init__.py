"""What this API has beyond ClickSend's."""

from fastapi import APIRouter

routers: tuple[APIRouter, ...] = ()
