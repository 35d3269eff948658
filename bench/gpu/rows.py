"""The rows that are timed: a model of the zoo at one shape, beside what torch.compile(max-autotune) takes on an H200, in ms."""
import collections

Row = collections.namedtuple("Row", "name model extents compiled aim")

ROWS = [
    Row("ResNet-50 b1", "resnet50", {"batch": 1}, 0.760, 0.25),
    Row("ResNet-50 b32", "resnet50", {"batch": 32}, 1.85, None),
    Row("ResNet-50 b256", "resnet50", {"batch": 256}, 8.94, 6.0),
    Row("MobileNetV3-L b1", "mobilenet_v3_large", {"batch": 1}, 0.578, 0.20),
    Row("MobileNetV3-L b128", "mobilenet_v3_large", {"batch": 128}, 2.48, None),
    Row("YOLOv5s-like b1", "yolov5s_like", {"batch": 1}, 0.878, 0.45),
    Row("YOLOv5s-like b16", "yolov5s_like", {"batch": 16}, 3.10, None),
    Row("BERT-base s128 b1", "bert_base_sdpa", {"batch": 1, "sequence": 128}, 0.888, 0.30),
    Row("BERT-base s128 b32", "bert_base_sdpa", {"batch": 32, "sequence": 128}, 3.26, 2.0),
    Row("ViT-B/16 b1", "vit_base_patch16_224", {"batch": 1}, 0.647, 0.30),
    Row("ViT-B/16 b64", "vit_base_patch16_224", {"batch": 64}, 5.95, None),
    Row("BERT-large s384 b1", "bert_large", {"batch": 1, "sequence": 384}, 2.61, None),
    Row("U-Net 512x512 b1", "unet", {"batch": 1, "h": 512, "w": 512}, 1.43, 1.0),
    Row("GPT-2 decode b1, past 511", "gpt2_kv", {"batch": 1, "time": 1, "past": 511}, 0.786, 0.20),
    Row("GPT-2 decode b16, past 511", "gpt2_kv", {"batch": 16, "time": 1, "past": 511}, 1.30, None),
    Row("Whisper-tiny encoder b1", "whisper_tiny_encoder", {"batch": 1}, 0.491, None),
    Row("LSTM t64 b1", "lstm", {"batch": 1, "time": 64}, 0.962, None),
    Row("LSTM t64 b64", "lstm", {"batch": 64, "time": 64}, 1.73, None),
]
