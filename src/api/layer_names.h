// Enumerators of layers as the names that attributes keep (ops/layers/layers.h), in the order of their numbers.
#pragma once

#include <string_view>

namespace temper::api {

inline constexpr std::string_view kPaddingModes[] = {"explicit_down", "explicit_up",   "same_upper",
                                                     "same_lower",    "explicit_down", "explicit_up"};
inline constexpr std::string_view kPoolingTypes[] = {"max", "average", "blend"};
inline constexpr std::string_view kActivationTypes[] = {
    "relu", "sigmoid",      "tanh",        "leaky_relu",       "elu",      "selu",     "softsign", "softplus",
    "clip", "hard_sigmoid", "scaled_tanh", "thresholded_relu", "gelu_erf", "gelu_tanh"};
inline constexpr std::string_view kScaleModes[] = {"uniform", "channel", "elementwise"};
inline constexpr std::string_view kElementWiseOperations[] = {"sum",       "prod", "max", "min", "sub",   "div",     "pow",
                                                              "floor_div", "and",  "or",  "xor", "equal", "greater", "less"};
inline constexpr std::string_view kUnaryOperations[] = {
    "exp",  "log",   "sqrt",  "recip", "abs",  "neg",   "sin", "cos", "tan",  "sinh",  "cosh",  "asin", "acos",
    "atan", "asinh", "acosh", "atanh", "ceil", "floor", "erf", "not", "sign", "round", "isinf", "isnan"};
inline constexpr std::string_view kReduceOperations[] = {"sum", "prod", "max", "min", "avg"};
inline constexpr std::string_view kMatrixOperations[] = {"none", "transpose", "vector"};
inline constexpr std::string_view kSampleModes[] = {"strict", "wrap", "clamp", "fill", "reflect"};
inline constexpr std::string_view kGatherModes[] = {"default", "element", "nd"};
inline constexpr std::string_view kScatterModes[] = {"element", "nd"};
inline constexpr std::string_view kFillOperations[] = {"linspace", "random_uniform", "random_normal"};
inline constexpr std::string_view kInterpolationModes[] = {"nearest", "linear", "cubic"};
inline constexpr std::string_view kCoordinates[] = {"align_corners", "asymmetric", "half_pixel"};
inline constexpr std::string_view kRNNOperations[] = {"relu", "tanh", "lstm", "gru"};
inline constexpr std::string_view kTripLimits[] = {"count", "while"};
inline constexpr std::string_view kLoopOutputs[] = {"last_value", "concatenate", "reverse"};
inline constexpr std::string_view kRoundModes[] = {"round_prefer_ceil", "round_prefer_floor", "floor", "ceil"};

}  // namespace temper::api
