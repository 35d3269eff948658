// What a program may ask of serializing an engine and of making a context.
#pragma once

#include "api/reporter.h"
#include "api/translate.h"

namespace temper::api {

class SerializationConfig final : public nvinfer1::ISerializationConfig {
 public:
  explicit SerializationConfig(const Reporter& reporter) : reporter_(reporter) {}
  ~SerializationConfig() noexcept override = default;
  bool setFlags(nvinfer1::SerializationFlags flags) noexcept override {
    if (!(flags >> nvinfer1::EnumMax<nvinfer1::SerializationFlag>())) return flags_ = flags, true;
    reporter_.report(ErrorCode::kInvalidArgument, "setFlags was given bits that are no SerializationFlag");
    return false;
  }
  nvinfer1::SerializationFlags getFlags() const noexcept override { return flags_; }
  bool clearFlag(nvinfer1::SerializationFlag flag) noexcept override {
    return is_value(flag) && setFlags(flags_ & ~(1U << int(flag)));
  }
  bool setFlag(nvinfer1::SerializationFlag flag) noexcept override {
    return is_value(flag) && setFlags(flags_ | 1U << int(flag));
  }
  bool getFlag(nvinfer1::SerializationFlag flag) const noexcept override {
    return is_value(flag) && (flags_ >> int(flag) & 1U);
  }

 private:
  Reporter reporter_;
  nvinfer1::SerializationFlags flags_ = 0;
};

class RuntimeConfig final : public nvinfer1::IRuntimeConfig {
 public:
  ~RuntimeConfig() noexcept override = default;
  void setExecutionContextAllocationStrategy(nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept override {
    if (is_value(strategy)) strategy_ = strategy;
  }
  nvinfer1::ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy() const noexcept override {
    return strategy_;
  }

 private:
  nvinfer1::ExecutionContextAllocationStrategy strategy_ = nvinfer1::ExecutionContextAllocationStrategy::kSTATIC;
};

}  // namespace temper::api
