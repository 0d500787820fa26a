"""What fusion is worth: detection and segmentation on infrared, visible and fused pictures."""
