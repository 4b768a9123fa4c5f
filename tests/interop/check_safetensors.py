#!/usr/bin/env python3
"""Checks against PyTorch and the safetensors package that a checkpoint of `lazyrt init` is what it says.

    tests/interop/check_safetensors.py BUILD_DIR

For each sample model: the file opens in safetensors; its keys, shapes and dtypes are those of the same PyTorch model after
its first forward; it loads, strictly, into the ordinary classes; a forward of lazyrt on those values equals PyTorch's; with
--stream torch-cpu or torch-cpu-fma the values are the ones PyTorch draws from the seed, bit for bit; and a file that PyTorch
wrote settles a lazy model of lazyrt. Needs the packages torch and safetensors; without them says so and ends with 77.
"""
import collections
import ctypes
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import torch
    import safetensors.torch
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

warnings.simplefilter("ignore")
nn = torch.nn
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def chain(**children):
    return nn.Sequential(collections.OrderedDict((name.lstrip("_"), child) for name, child in children.items()))


MODELS = {
    "lazy_mlp": ((10, 10), lambda: chain(fc1=nn.LazyLinear(10), relu1=nn.ReLU(), fc2=nn.LazyLinear(1), relu2=nn.ReLU())),
    "lenet_300_100": ((32, 1, 28, 28), lambda: chain(
        flatten=nn.Flatten(), fc1=nn.LazyLinear(300), relu1=nn.ReLU(), fc2=nn.LazyLinear(100), relu2=nn.ReLU(),
        classifier=nn.LazyLinear(10))),
    "encoder_decoder": ((8, 3, 16, 16), lambda: chain(
        encoder=chain(_0=nn.Flatten(), _1=nn.Sequential(nn.LazyLinear(256), nn.GELU("tanh")),
                      _2=nn.Sequential(nn.LazyLinear(64), nn.GELU()), code=nn.LazyLinear(16, bias=False)),
        decoder=nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.LazyLinear(256), nn.Tanh(), nn.LazyLinear(768),
                              nn.Sigmoid()))),
    "token_head": ((4, 128, 512), lambda: nn.Sequential(
        nn.LazyLinear(2048), nn.GELU(), nn.LazyLinear(512), nn.Identity(), nn.LazyLinear(8192, bias=False))),
    "deep_chain": ((16, 64), lambda: chain(
        layers=nn.Sequential(*[nn.LazyLinear(64) for _ in range(100)]), head=nn.LazyLinear(10))),
}


class Shape(ctypes.Structure):
    _fields_ = [("rank", ctypes.c_int32), ("dims", ctypes.c_int64 * 8)]


class Spec(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("shape", Shape)]


class Tensor(ctypes.Structure):
    _fields_ = [("index", ctypes.c_uint32), ("recording", ctypes.c_uint32)]


class Value(ctypes.Structure):
    """A kind, then a union of 16 bytes whose first eight are a pointer for an array."""

    _fields_ = [("kind", ctypes.c_int), ("pointer", ctypes.c_void_p), ("more", ctypes.c_uint64)]


class Args(ctypes.Structure):
    _fields_ = [("at", ctypes.POINTER(Value)), ("count", ctypes.c_size_t), ("keywords", ctypes.c_void_p),
                ("keyword_count", ctypes.c_size_t)]


class Outputs(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("at", Tensor * 16)]


F32, ARRAY = 2, 6


class Library:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.lazy_status_message.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            raise SystemExit(f"{name}: {self.library.lazy_status_message().decode()}")

    def forward(self, text, checkpoint, x):
        """Reads the model, loads the file into it while it is lazy, runs it on x."""
        context, module, graph, array = (ctypes.c_void_p() for _ in range(4))
        self.call("lazy_context_open", b"host", None, ctypes.byref(context))
        self.call("lazy_module_parse", context, text.encode(), ctypes.byref(module))
        self.call("lazy_module_load", module, checkpoint.encode(), None, None)
        self.call("lazy_graph_create", module, None, ctypes.byref(graph))
        shape = Shape(x.dim(), (ctypes.c_int64 * 8)(*x.shape))
        self.call("lazy_array_from_data", context, F32, ctypes.byref(shape), ctypes.c_void_p(x.data_ptr()),
                  ctypes.byref(array))
        value, outputs, spec = Value(ARRAY, array, 0), Outputs(), Spec()
        args = Args(ctypes.pointer(value), 1, None, 0)
        self.call("lazy_graph_forward", graph, ctypes.byref(args), ctypes.byref(outputs))
        self.call("lazy_graph_output_spec", graph, outputs.at[0], ctypes.byref(spec))
        y = torch.empty(tuple(spec.shape.dims[: spec.shape.rank]))
        self.call("lazy_graph_download", graph, outputs.at[0], ctypes.c_void_p(y.data_ptr()),
                  ctypes.c_size_t(y.numel() * y.element_size()))
        for name, handle in (("lazy_array_release", array), ("lazy_graph_destroy", graph),
                             ("lazy_module_release", module), ("lazy_context_close", context)):
            getattr(self.library, name)(handle)
        return y


def check(name, tool, library, folder):
    shape, make = MODELS[name]
    source = os.path.join(SOURCE, "tools", "models", name + ".txt")
    path = os.path.join(folder, name + ".safetensors")
    with open(source, encoding="utf-8") as file:
        text = file.read()

    def init(*more):
        subprocess.run([tool, "init", source, "-o", path, "--quiet", *more], check=True, stdout=subprocess.DEVNULL)
        return safetensors.torch.load_file(path)

    x = torch.randn(shape)
    model, worst = make(), 0.0
    model(x)  # PyTorch's own first forward says what keys and shapes have to be met
    wanted = {key: (tuple(t.shape), t.dtype) for key, t in model.state_dict().items()}
    torch.manual_seed(7)
    drawn = make()
    drawn(x)
    same = []
    for stream in ("keyed", "torch-cpu", "torch-cpu-fma"):
        found = init("--seed", "7", "--stream", stream)
        assert {key: (tuple(t.shape), t.dtype) for key, t in found.items()} == wanted, name
        model.load_state_dict(found, strict=True)
        assert all(type(m) is not nn.LazyLinear for m in model.modules())
        with torch.no_grad():
            y, ours = model(x), library.forward(text, path, x)
        assert torch.allclose(ours, y, rtol=1e-5, atol=1e-5), (name, stream, (ours - y).abs().max())
        worst = max(worst, float((ours - y).abs().max()))
        if all(torch.equal(t, found[key]) for key, t in drawn.state_dict().items()):
            same.append(stream)
    # which of the two it is depends on how this build of PyTorch multiplies and adds
    assert same and "keyed" not in same, (name, same, "no stream is what torch drew")

    for dtype, kind in (("f16", torch.float16), ("bf16", torch.bfloat16), ("f64", torch.float64)):
        assert all(t.dtype is kind for t in init("--dtype", dtype).values())
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt" and file.metadata()["dtype"] == "f64"

    safetensors.torch.save_file(drawn.state_dict(), path)
    with torch.no_grad():
        assert torch.allclose(library.forward(text, path, x), drawn(x), rtol=1e-5, atol=1e-5), name
    print(f"{name}: {len(found)} tensors, {' and '.join(same)} bit for bit, forward within {worst:.2g}")


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else os.path.join(SOURCE, "build", "full")
    print(f"torch {torch.__version__}, safetensors {safetensors.__version__}")
    library = Library(os.path.join(build, "liblazyrt.so"))
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            check(name, os.path.join(build, "lazyrt"), library, folder)
    print("all equal")


main()
