"""The API of IBM's Model Asset Exchange for Fast Neural Style Transfer: its clients work here.

``curl -F "image=@bridge.jpg" -XPOST http://127.0.0.1:8000/model/predict?model=udnie > result.jpg``
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

import impasto
from impasto.studio import fields
from impasto.studio.multipart import Form
from impasto.studio.quick import MAX, Asked
from impasto.studio.routes.openapi import binary
from impasto.studio.routes.schemas import Client, OwnStyles, TheStudio
from impasto.studio.routes.stylize import stylised

router = APIRouter(tags=["Model Asset Exchange"])

TITLE = "MAX Fast Neural Style Transfer"
ABOUT = (
    "Generate a new image that mixes the content of a source image with the style of another image."
)


class Wrong(BaseModel):
    """What went wrong."""

    status: str
    message: str


METADATA = {
    "id": "max-fast-neural-style-transfer",
    "name": TITLE,
    "description": "Feed-forward style transfer by Impasto, with the interface of this model",
    "type": "Image-To-Image Translation",
    "license": "MIT",
    "source": "https://developer.ibm.com/exchanges/models/all/max-fast-neural-style-transfer/",
}
_MODEL = fields.Field("model", str, "A style's name; underscores may stand for hyphens.", None)
_FORM = Form(
    {"image": "The image: PNG, JPEG, TIFF and others."}, {"model": _MODEL}, required=("image",)
)
_WRONG = {
    400: "It is not an image, or there is no such model.",
    401: "A key is needed.",
    403: "The request comes from another site.",
    408: "The upload is too slow.",
    413: "It is too large.",
    415: "It is not a form.",
    429: "Too many images wait.",
    500: "The style is broken.",
    503: "Not now.",
}


@router.post(
    "/model/predict",
    response_class=Response,
    openapi_extra=_FORM.described(),
    responses={
        200: binary("The stylised image, its sides rounded up to multiples of 4.", "image/jpeg"),
        **{status: {"model": Wrong, "description": text} for status, text in _WRONG.items()},
    },
)
async def predict(
    request: Request,
    studio: TheStudio,
    client: Client,
    own: OwnStyles,
    model: Annotated[str | None, Query(description=_MODEL.help)] = None,
) -> Response:
    """Answer an image in the style that `model` names, else in the default one.

    Of styles with one name, those of the studio's own packs come before those of Impasto.
    """
    quick = studio.quick

    def check(given: Mapping[str, str | None]) -> None:
        if (style := given.get("model")) is not None:
            quick.check(Asked(style, own=own))

    check({"model": model})
    async with _FORM.read(request, check) as form:
        style = model or form.fields.get("model", quick.default or "")
        asked = Asked(quick.catalogue.imported(style, own), format=MAX, own=own)
        quick.check(asked)
        return await stylised(request, studio, client, form.one("image"), asked, "image")


@router.get("/model/metadata")
async def metadata() -> dict[str, str]:
    """Answer what the Model Asset Exchange tells of a model."""
    return METADATA


@router.get("/swagger.json", include_in_schema=False)
def swagger(request: Request, studio: TheStudio) -> dict[str, Any]:
    """Describe these routes as Swagger 2.0, as the Model Asset Exchange does."""
    names = [style.name for style in studio.quick.styles()]
    model: dict[str, Any] = {"name": "model", "in": "query", "type": "string"}
    if names:
        model |= {"enum": names, "default": studio.quick.default}
    image = {"name": "image", "in": "formData", "type": "file", "required": True}
    picture = {"description": "The stylised image", "schema": {"type": "file"}}
    wrong = {"description": _WRONG[400]}

    def operation(name: str, kinds: list[str], responses: dict[str, Any]) -> dict[str, Any]:
        return {"operationId": name, "tags": ["model"], "produces": kinds, "responses": responses}

    told = operation("get_metadata", ["application/json"], {"200": {"description": "Success"}})
    kinds = ["image/jpeg", "application/json"]
    predicted = operation("predict", kinds, {"200": picture, "400": wrong})
    predicted |= {"consumes": ["multipart/form-data"], "parameters": [image, model]}
    return {
        "swagger": "2.0",
        "basePath": request.scope.get("root_path", "") or "/",
        "info": {"title": TITLE, "description": ABOUT, "version": impasto.__version__},
        "tags": [{"name": "model", "description": "Model information and inference operations"}],
        "paths": {"/model/metadata": {"get": told}, "/model/predict": {"post": predicted}},
    }
