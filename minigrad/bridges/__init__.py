"""Bridges: a trained model in the hands of other tools, one file for each; see docs/bridges.md.

`import minigrad` imports none of them. Each needs the extra of its own name, as in
`pip install 'minigrad[onnx]'`, except `numpy`, which needs nothing more.
"""
