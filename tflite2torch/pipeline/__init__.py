"""From photo to face: MediaPipe's pipelines in PyTorch, stage by stage.

Every stage is a function over batches of tensors: ``regions`` and ``warp`` cut, ``detection``
decodes a detector, ``projection`` brings points back to the image, ``pose`` estimates the
transformation matrix, ``smoothing`` and ``tracking`` serve video. ``face_landmarker`` composes
them. The stages compute in the dtype of their inputs: float32 as MediaPipe does, in its order of
operations, so that results are equal bit for bit; float64 where gradients are checked.
"""
