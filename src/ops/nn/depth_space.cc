// Depth to space and back: blocks of pixels laid out along the channels. One reindex each.
#include "ops/nn/operands.h"
#include "ops/nn/window.h"

namespace temper {
namespace {

struct DepthToSpace {
  int64_t block = 1;
  bool channels_first = false;  // mode CRD: the channel varies slowest within the input's channels; else (DCR) fastest
  TEMPER_FIELDS(block, channels_first)
};
struct SpaceToDepth {
  int64_t block = 1;
  TEMPER_FIELDS(block)
};

bool check(Builder& b, Operands in, int64_t block, const std::string& what) {
  if (!require(b, in, 1)) return false;
  if (b.rank(in[0]) != 4)
    b.fail(ErrorCode::kInvalidArgument, what + " takes a tensor of rank 4, not " + std::to_string(b.rank(in[0])));
  if (block < 1 || block > INT32_MAX)
    b.fail(ErrorCode::kInvalidArgument, what + " needs a blocksize of at least 1, not " + std::to_string(block));
  return b.ok();
}

const RegisterOp<DepthToSpace> kDepthToSpace{{
    .name = "depth_to_space",
    .body = [](Builder& b, const DepthToSpace& a, Operands in) -> Vals {
      if (!check(b, in, a.block, "DepthToSpace")) return {};
      const Dims x = b.dims(in[0]);
      SymInt block = a.block, channels = floor_div(x[1], block * block);
      if (!require_same(b, mod(x[1], block * block), 0, "channels modulo the square of the blocksize, and 0")) return {};
      Dims to{x[0], channels, x[2] * block, x[3] * block};
      auto d = loop_vars(b.sym(), to);
      SymInt inside = mod(d[2], block) * block + mod(d[3], block);
      SymInt channel = a.channels_first ? d[1] * block * block + inside : inside * channels + d[1];
      return {b.reindex(in[0], IndexMap{to, {d[0], channel, floor_div(d[2], block), floor_div(d[3], block)}, 1})};
    },
    .onnx = {{"DepthToSpace", 1,
              [](const OnnxNode& n) -> Expected<DepthToSpace> {
                std::string mode = n.s("mode", "DCR");
                if (mode != "DCR" && mode != "CRD")
                  return Error(ErrorCode::kInvalidArgument, "mode is '" + mode + "'; it must be DCR or CRD");
                return DepthToSpace{n.i("blocksize", 1), mode == "CRD"};
              }}},
    .samples = {"f32[n, 8, 2, 3] {block = 2}", "f32[1, 18, 2, 3] {block = 3, channels_first = true}"},
}};

const RegisterOp<SpaceToDepth> kSpaceToDepth{{
    .name = "space_to_depth",
    .body = [](Builder& b, const SpaceToDepth& a, Operands in) -> Vals {
      if (!check(b, in, a.block, "SpaceToDepth")) return {};
      const Dims x = b.dims(in[0]);
      SymInt block = a.block;
      for (int i : {2, 3}) {
        if (!require_same(b, mod(x[i], block), 0, "a spatial dimension modulo the blocksize, and 0")) return {};
      }
      Dims to{x[0], x[1] * block * block, floor_div(x[2], block), floor_div(x[3], block)};
      auto d = loop_vars(b.sym(), to);
      SymInt inside = floor_div(d[1], x[1]);
      return {b.reindex(
          in[0],
          IndexMap{
              to, {d[0], mod(d[1], x[1]), d[2] * block + floor_div(inside, block), d[3] * block + mod(inside, block)}, 1})};
    },
    .onnx = {{"SpaceToDepth", 1,
              [](const OnnxNode& n) -> Expected<SpaceToDepth> { return SpaceToDepth{n.i("blocksize", 1)}; }}},
    .samples = {"f32[n, 2, 4, 6] {block = 2}"},
}};

}  // namespace
}  // namespace temper
