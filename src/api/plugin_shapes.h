// ExprBuilder: the IExprBuilder that plugins compute the extents of their outputs with. Its expressions are SymInts.
#pragma once

#include <deque>
#include <vector>

#include "NvInfer.h"
#include "ir/types.h"

namespace temper::api {

class ExprBuilder final : public nvinfer1::IExprBuilder {
 public:
  explicit ExprBuilder(SymContext& context) : context_(context) {}
  ~ExprBuilder() noexcept override = default;

  nvinfer1::IDimensionExpr const* constant(int64_t value) noexcept override { return of(value); }
  nvinfer1::IDimensionExpr const* operation(nvinfer1::DimensionOperation op, nvinfer1::IDimensionExpr const& first,
                                            nvinfer1::IDimensionExpr const& second) noexcept override;
  nvinfer1::IDimensionExpr const* declareSizeTensor(int32_t output, nvinfer1::IDimensionExpr const& likely,
                                                    nvinfer1::IDimensionExpr const& most) override;

  nvinfer1::IDimensionExpr const* of(SymInt value) { return &expressions_.emplace_back(value, false); }
  // At most Dims::MAX_DIMS.
  nvinfer1::DimsExprs of(std::span<const SymInt> values);
  static SymInt value(nvinfer1::IDimensionExpr const& expression) { return static_cast<const Expression&>(expression).value; }

  struct Size {
    SymInt size, likely, most;
    int32_t output;
  };
  const std::vector<Size>& sizes() const { return sizes_; }

 private:
  struct Expression final : nvinfer1::IDimensionExpr {
    Expression(SymInt made_of, bool is_size) : value(made_of), size(is_size) {}
    ~Expression() noexcept override = default;
    bool isConstant() const noexcept override { return value.is_const(); }
    int64_t getConstantValue() const noexcept override { return value.is_const() ? value.value() : INT64_MIN; }
    bool isSizeTensor() const noexcept override { return size; }
    SymInt value;
    bool size;
  };
  SymContext& context_;
  std::deque<Expression> expressions_;
  std::vector<Size> sizes_;
};

}  // namespace temper::api
