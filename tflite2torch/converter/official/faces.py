"""Official models of faces.

Something "at the left" is at the left of the image, which is not mirrored. Sources: MediaPipe's
graphs (``modules/face_detection``, ``face_landmark``, ``iris_landmark``,
``tasks/cc/vision/face_landmarker``), and results on a photo.
"""

from __future__ import annotations

from tflite2torch.converter.official.interface import (
    COEFFICIENT,
    CROP,
    LETTERBOX,
    LOGIT,
    PHOTO_PIXELS,
    PIXELS,
    PROBABILITY,
    SIGNED,
    UNSIGNED,
    Interface,
    detections,
    files,
    image,
    tensor,
)

_DETECTED = (
    "eye at the left",
    "eye at the right",
    "nose tip",
    "mouth center",
    "ear at the left",
    "ear at the right",
)

_LIPS = """
    61 146 91 181 84 17 314 405 321 375 291 185 40 39 37 0 267 269 270 409
    78 95 88 178 87 14 317 402 318 324 308 191 80 81 82 13 312 311 310 415
    76 77 90 180 85 16 315 404 320 307 306 184 74 73 72 11 302 303 304 408
    62 96 89 179 86 15 316 403 319 325 292 183 42 41 38 12 268 271 272 407
"""
_LEFT_EYE = """
    33 7 163 144 145 153 154 155 133 246 161 160 159 158 157 173
    130 25 110 24 23 22 26 112 243 247 30 29 27 28 56 190
    226 31 228 229 230 231 232 233 244 113 225 224 223 222 221 189
    35 124 46 53 52 65 143 111 117 118 119 120 121 128 245
    156 70 63 105 66 107 55 193
"""
_RIGHT_EYE = """
    263 249 390 373 374 380 381 382 362 466 388 387 386 385 384 398
    359 255 339 254 253 252 256 341 463 467 260 259 257 258 286 414
    446 261 448 449 450 451 452 453 464 342 445 444 443 442 441 413
    265 353 276 283 282 295 372 340 346 347 348 349 350 357 465
    383 300 293 334 296 336 285 417
"""
_IRIS = ("center", "right", "top", "left", "bottom")
_BLENDSHAPE_POINTS = """
    0 1 4 5 6 7 8 10 13 14 17 21 33 37 39 40 46 52 53 54 55 58 61 63 65 66 67 70 78 80
    81 82 84 87 88 91 93 95 103 105 107 109 127 132 133 136 144 145 146 148 149 150 152
    153 154 155 157 158 159 160 161 162 163 168 172 173 176 178 181 185 191 195 197 234
    246 249 251 263 267 269 270 276 282 283 284 285 288 291 293 295 296 297 300 308 310
    311 312 314 317 318 321 323 324 332 334 336 338 356 361 362 365 373 374 375 377 378
    379 380 381 382 384 385 386 387 388 389 390 397 398 400 402 405 409 415 454 466 468
    469 470 471 472 473 474 475 476 477
"""
_BLENDSHAPES = """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
    cheekPuff cheekSquintLeft cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft
    eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight
    eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight
    mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft
    mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight mouthRollLower
    mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight
    mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft
    noseSneerRight
"""

_PHOTO = "the whole photo"
_FACE = "a face upright, square, 1.5 times its box"
_PRESENCE = tensor((1,), "presence", LOGIT, "whether the image shows a face")
_MESH = tensor(
    (1404,),
    "mesh",
    PIXELS,
    ".unflatten(1, (468, 3)) are x, y, and z scaled as x",
)

FACES = (
    Interface(
        "Finds faces within 2 metres, a box and six points of each.",
        inputs=(image(128, 128, _PHOTO, LETTERBOX),),
        outputs=detections(896, "a face", _DETECTED),
        files=files(
            SIGNED,
            face_detector="""
                b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f
            """,
            face_detection_short_range="""
                bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8
                3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633
                42012b078cc201e994674ac863862577279644f3ba405729ccd964f03e9f12d5
            """,
            face_detection_front="""
                a31cce739e9f5b9b08a15ef5ff90c500a46e96bd2c87f329d58a008dfd6c42ff
            """,
        ),
    ),
    Interface(
        "Finds faces in photos of a back camera, a box and six points of each.",
        inputs=(image(256, 256, _PHOTO, LETTERBOX),),
        outputs=detections(896, "a face", _DETECTED),
        files=files(
            SIGNED,
            face_detection_back="""
                e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8
            """,
        ),
    ),
    Interface(
        "Finds faces within 5 metres, a box and six points of each.",
        inputs=(image(192, 192, _PHOTO, LETTERBOX),),
        outputs=detections(2304, "a face", _DETECTED),
        files=files(
            SIGNED,
            face_detection_full_range="""
                99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3
                3698b18f063835bc609069ef052228fbe86d9c9a6dc8dcb7c7c2d69aed2b181b
                f5fd43a368d0eab9873f021eb741223a3e015759a46240a8dddf27af2def3f3e
            """,
            face_detection_full_range_sparse="""
                2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1
                671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce
                0a058d9248f61fa8c902e12307c999c3b0312ce87e070600444c6f2f6ae727b9
            """,
        ),
    ),
    Interface(
        "Finds 468 points of a face in 3D, and tells whether there is a face.",
        inputs=(image(192, 192, _FACE, CROP),),
        outputs=(_MESH, _PRESENCE),
        files=files(
            SIGNED,
            face_landmark="""
                2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493
            """,
        )
        | files(
            UNSIGNED,
            face_landmark="""
                c603fa6149219a3e9487dc9abd7a0c24474c77263273d24868378cdf40aa26d1
                1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814
            """,
        ),
    ),
    Interface(
        "Finds 468 points of a face in 3D, and refines lips, eyes, irises.",
        inputs=(image(192, 192, _FACE, CROP),),
        outputs=(
            _MESH,
            tensor(
                (160,),
                "lips",
                PIXELS,
                ".unflatten(1, (80, 2)) are x, y of lips_subset, listed in manifest.json",
                tuple(_LIPS.split()),
            ),
            tensor(
                (142,),
                "left_eye",
                PIXELS,
                ".unflatten(1, (71, 2)) are x, y of left_eye_subset",
                tuple(_LEFT_EYE.split()),
            ),
            tensor(
                (142,),
                "right_eye",
                PIXELS,
                ".unflatten(1, (71, 2)) are x, y of right_eye_subset",
                tuple(_RIGHT_EYE.split()),
            ),
            tensor(
                (10,),
                "left_iris",
                PIXELS,
                ".unflatten(1, (5, 2)) are center, right, top, left, bottom",
                _IRIS,
            ),
            tensor(
                (10,),
                "right_iris",
                PIXELS,
                ".unflatten(1, (5, 2)) are center, right, top, left, bottom",
                _IRIS,
            ),
            _PRESENCE,
        ),
        files=files(
            UNSIGNED,
            face_landmark_with_attention="""
                e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4
                883b7411747bac657c30c462d305d312e9dec6adbf8b85e2f5d8d722fca9455d
            """,
        ),
    ),
    Interface(
        "Finds 478 points of a face in 3D, and tells whether there is a face.",
        inputs=(image(256, 256, "a face upright, 1.5 times its box, stretched", CROP),),
        outputs=(
            tensor(
                (1434,),
                "face_landmarks",
                PIXELS,
                ".unflatten(1, (478, 3)) are x, y, and z scaled as x; 468 points of the mesh, 5 of "
                "the iris at the left, 5 of that at the right",
            ),
            _PRESENCE,
            tensor((1,), "tongue_out", PROBABILITY, "whether the tongue is out of the mouth"),
        ),
        files=files(
            UNSIGNED,
            face_landmarks_detector="""
                c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5
            """,
        ),
    ),
    Interface(
        "Estimates 52 blendshapes of a face from 146 of its points.",
        inputs=(
            tensor(
                (146, 2),
                "input_points",
                PHOTO_PIXELS,
                "x, y of 146 of the 478 points of a face, in the aspect ratio of the photo; labels "
                "tell which",
                tuple(_BLENDSHAPE_POINTS.split()),
            ),
        ),
        outputs=(
            tensor(
                (52,),
                "blendshapes",
                COEFFICIENT,
                "one for each expression, left and right as the person has them",
                tuple(_BLENDSHAPES.split()),
            ),
        ),
        files=files(
            None,
            face_blendshapes="""
                4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082
            """,
        ),
    ),
    Interface(
        "Finds 71 points around an eye and five of its iris.",
        inputs=(
            image(
                64,
                64,
                "the eye at the left of an upright face, 2.3 times as wide; mirror the other eye",
                CROP,
            ),
        ),
        outputs=(
            tensor(
                (213,),
                "eye_contour",
                PIXELS,
                ".unflatten(1, (71, 3)) are x, y, and z scaled as x; 71 points of a face mesh",
                tuple(_LEFT_EYE.split()),
            ),
            tensor(
                (15,),
                "iris",
                PIXELS,
                ".unflatten(1, (5, 3)) are center, right, top, left, bottom",
                _IRIS,
            ),
        ),
        files=files(
            UNSIGNED,
            iris_landmark="""
                d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f
            """,
        ),
    ),
)
