"""Official models that label pixels.

Sources: MediaPipe's graphs (``modules/selfie_segmentation``, ``graphs/hair_segmentation``,
``tasks/cc/vision/image_segmenter``), and the model cards.
"""

from __future__ import annotations

from tflite2torch.converter.graph.metadata import TensorMetadata
from tflite2torch.converter.official.interface import (
    LOGIT,
    NORMALIZED,
    PROBABILITY,
    STRETCH,
    UNSIGNED,
    Interface,
    files,
    image,
    tensor,
)

_PERSON = "Tells the person from the background, pixel by pixel."
_PHOTO = "the whole photo"

SEGMENTERS = (
    Interface(
        _PERSON,
        inputs=(image(256, 256, _PHOTO, STRETCH),),
        outputs=(tensor((1, 256, 256), "mask", PROBABILITY, "whether a pixel shows a person"),),
        files=files(
            UNSIGNED,
            selfie_segmentation="""
                9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c
                8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27
            """,
        ),
        distinctive=False,
    ),
    Interface(
        _PERSON,
        inputs=(image(144, 256, _PHOTO, STRETCH),),
        outputs=(tensor((1, 144, 256), "mask", PROBABILITY, "whether a pixel shows a person"),),
        files=files(
            UNSIGNED,
            selfie_segmentation_landscape="""
                a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd
                4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894
            """,
        ),
        distinctive=False,
    ),
    Interface(
        "Labels each pixel as background, hair, skin, clothes or other.",
        inputs=(image(256, 256, _PHOTO, STRETCH),),
        outputs=(
            tensor(
                (6, 256, 256),
                "masks",
                LOGIT,
                "a mask for each class, for a softmax over the channels",
                ("background", "hair", "body-skin", "face-skin", "clothes", "others"),
            ),
        ),
        files=files(
            None,
            selfie_multiclass_256x256="""
                c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0
            """,
        ),
        distinctive=False,
    ),
    Interface(
        "Labels each pixel as hair or background.",
        inputs=(
            (
                (4, 512, 512),
                TensorMetadata(
                    "image",
                    unit=NORMALIZED,
                    meaning="RGB, the whole photo, then the mask of the previous frame or zeros",
                    resize=STRETCH,
                ),
            ),
        ),
        outputs=(
            tensor(
                (2, 512, 512),
                "masks",
                "",  # The files are not at hand: whether they end in a softmax is not known.
                "a mask for each class",
                ("background", "hair"),
            ),
        ),
        files=files(
            None,
            hair_segmenter="""
                2628cf3ce5f695f604cbea2841e00befcaa3624bf80caf3664bef2656d59bf84
            """,
            hair_segmentation="""
                7cbddcfe6f6e10c3e0a509eb2e14225fda5c0de6c35e2e8c6ca8e3971988fc17
            """,
        )
        | files(
            UNSIGNED,
            hair_segmentation="""
                d2c940c4fd80edeaf38f5d7387d1b4235ee320ed120080df67c663e749e77633
            """,
        ),
        distinctive=False,
    ),
)
