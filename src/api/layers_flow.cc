// The boundary layers of loops and conditionals.
#include <algorithm>

#include "api/layer_names.h"
#include "api/layer_view.h"
#include "api/network.h"
#include "ops/layers/flow.h"

namespace temper::api {
namespace {

using nvinfer1::ITensor;

// A boundary of a loop with attributes A, which have its region.
template <class Interface, class A>
class LoopBoundary : public LayerWith<Interface, A> {
 public:
  using LayerWith<Interface, A>::LayerWith;
  nvinfer1::ILoop* getLoop() const noexcept override { return this->core_.network().loop(this->attributes().region); }
};

class RecurrenceView final : public LoopBoundary<nvinfer1::IRecurrenceLayer, layers::Boundary> {
 public:
  RecurrenceView(Network& network, NodeId id) : LoopBoundary(network, id, 2) {}
  ~RecurrenceView() noexcept override = default;
};

class TripLimitView final : public LoopBoundary<nvinfer1::ITripLimitLayer, layers::TripLimit> {
 public:
  TripLimitView(Network& network, NodeId id) : LoopBoundary(network, id, 1) {}
  ~TripLimitView() noexcept override = default;
  nvinfer1::TripLimit getTripLimit() const noexcept override {
    return by_name<nvinfer1::TripLimit>(attributes().kind, kTripLimits);
  }
};

class IteratorView final : public LoopBoundary<nvinfer1::IIteratorLayer, layers::Iterator> {
 public:
  IteratorView(Network& network, NodeId id) : LoopBoundary(network, id, 1) {}
  ~IteratorView() noexcept override = default;
  void setAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getAxis() const noexcept override { return int32_t(attributes().axis); }
  void setReverse(bool reverse) noexcept override { put(&Attributes::reverse, bool(reverse)); }
  bool getReverse() const noexcept override { return attributes().reverse; }
};

class LoopOutputView final : public LoopBoundary<nvinfer1::ILoopOutputLayer, layers::LoopOutput> {
 public:
  LoopOutputView(Network& network, NodeId id) : LoopBoundary(network, id, 2) {}
  ~LoopOutputView() noexcept override = default;
  nvinfer1::LoopOutput getLoopOutput() const noexcept override {
    return by_name<nvinfer1::LoopOutput>(attributes().kind, kLoopOutputs);
  }
  void setAxis(int32_t axis) noexcept override { put(&Attributes::axis, int64_t(axis)); }
  int32_t getAxis() const noexcept override { return int32_t(attributes().axis); }
  void setInput(int32_t index, ITensor& tensor) noexcept override {
    if (index == 1 && attributes().kind == "last_value")
      return report("input 1", "it is the length of what a loop concatenates, and this output is the last value only");
    core_.set_input(index, tensor, most_inputs_);
  }
};

template <class Interface>
class ConditionalBoundary final : public LayerWith<Interface, layers::Boundary> {
 public:
  // An output has an input for each branch.
  ConditionalBoundary(Network& network, NodeId id)
      : LayerWith<Interface, layers::Boundary>(network, id,
                                               std::is_same_v<Interface, nvinfer1::IIfConditionalOutputLayer> ? 2 : 1) {}
  ~ConditionalBoundary() noexcept override = default;
  nvinfer1::IIfConditional* getConditional() const noexcept override {
    return this->core_.network().conditional(this->attributes().region);
  }
};

// A name is for readers; nullptr takes it away.
void keep_name(const Network& network, std::string& kept, char const* name) noexcept {
  guarded(network.reporter(), false, [&]() -> Expected<bool> {
    kept = name ? name : "";
    return true;
  });
}

}  // namespace

nvinfer1::ILoop* Network::addLoop() noexcept {
  return guarded<nvinfer1::ILoop*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::ILoop*> {
    const auto region = int64_t(loops_.size() + conditionals_.size());
    return (loops_[region] = std::make_unique<LoopView>(*this, region)).get();
  });
}

nvinfer1::IIfConditional* Network::addIfConditional() noexcept {
  return guarded<nvinfer1::IIfConditional*>(reporter_, nullptr, [&]() -> Expected<nvinfer1::IIfConditional*> {
    const auto region = int64_t(loops_.size() + conditionals_.size());
    return (conditionals_[region] = std::make_unique<ConditionalView>(*this, region)).get();
  });
}

nvinfer1::ILoop* Network::loop(int64_t region) const {
  const auto found = loops_.find(region);
  return found == loops_.end() ? nullptr : found->second.get();
}

nvinfer1::IIfConditional* Network::conditional(int64_t region) const {
  const auto found = conditionals_.find(region);
  return found == conditionals_.end() ? nullptr : found->second.get();
}

void LoopView::setName(char const* name) noexcept { keep_name(network_, name_, name); }
void ConditionalView::setName(char const* name) noexcept { keep_name(network_, name_, name); }

nvinfer1::IRecurrenceLayer* LoopView::addRecurrence(ITensor& first) noexcept {
  return network_.add<RecurrenceView>("addRecurrence", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_recurrence";
    draft.attrs = make_attrs(layers::Boundary{region_});
    draft.reads(first);
    return {};
  });
}

nvinfer1::ITripLimitLayer* LoopView::addTripLimit(ITensor& tensor, nvinfer1::TripLimit limit) noexcept {
  return network_.add<TripLimitView>("addTripLimit", [&](LayerDraft& draft) -> Status {
    if (!is_value(limit)) return invalid("there is no trip limit " + std::to_string(int(limit)));
    layers::TripLimit wanted{region_, std::string(kTripLimits[int(limit)])};
    for (NodeId id : network_.graph().order()) {
      const Node& node = network_.graph().node(id);
      if (node.op->name != "layer_trip_limit") continue;
      const auto& other = attrs_as<layers::TripLimit>(*node.attrs);
      if (other.region == region_ && other.kind == wanted.kind)
        return invalid("the loop has a limit of this kind already, the layer '" + node.name + "'; change it by setInput");
    }
    draft.type = "layer_trip_limit";
    draft.attrs = make_attrs(std::move(wanted));
    draft.results = 0;
    draft.reads(tensor);
    return {};
  });
}

nvinfer1::IIteratorLayer* LoopView::addIterator(ITensor& tensor, int32_t axis, bool reverse) noexcept {
  return network_.add<IteratorView>("addIterator", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_iterator";
    draft.attrs = make_attrs(layers::Iterator{region_, axis, reverse});
    draft.reads(tensor);
    return {};
  });
}

nvinfer1::ILoopOutputLayer* LoopView::addLoopOutput(ITensor& tensor, nvinfer1::LoopOutput kind, int32_t axis) noexcept {
  return network_.add<LoopOutputView>("addLoopOutput", [&](LayerDraft& draft) -> Status {
    if (!is_value(kind)) return invalid("there is no loop output " + std::to_string(int(kind)));
    if (kind == nvinfer1::LoopOutput::kLAST_VALUE) {
      const Node* producer = network_.graph().producer(TEMPER_TRY(network_.value_of(tensor)));
      if (!producer || producer->op->name != "layer_recurrence" || layers::region_of(*producer) != region_)
        return invalid("the tensor '" + std::string(tensor.getName()) +
                       "' is no recurrence of this loop, and only these have a last value; make one by addRecurrence");
    }
    draft.type = "layer_loop_output";
    draft.attrs = make_attrs(layers::LoopOutput{region_, std::string(kLoopOutputs[int(kind)]), axis});
    draft.mendable = kind != nvinfer1::LoopOutput::kLAST_VALUE;  // its length comes later
    draft.reads(tensor);
    return {};
  });
}

nvinfer1::IConditionLayer* ConditionalView::setCondition(ITensor& condition) noexcept {
  return network_.add<ConditionalBoundary<nvinfer1::IConditionLayer>>("setCondition", [&](LayerDraft& draft) -> Status {
    for (NodeId id : network_.graph().order()) {
      const Node& node = network_.graph().node(id);
      if (node.op->name == "layer_condition" && layers::region_of(node) == region_)
        return invalid("the conditional has a condition already, the layer '" + node.name + "'; change it by setInput");
    }
    draft.type = "layer_condition";
    draft.attrs = make_attrs(layers::Boundary{region_});
    draft.results = 0;
    draft.reads(condition);
    return {};
  });
}

nvinfer1::IIfConditionalInputLayer* ConditionalView::addInput(ITensor& input) noexcept {
  return network_.add<ConditionalBoundary<nvinfer1::IIfConditionalInputLayer>>("addInput", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_if_input";
    draft.attrs = make_attrs(layers::Boundary{region_});
    draft.reads(input);
    return {};
  });
}

nvinfer1::IIfConditionalOutputLayer* ConditionalView::addOutput(ITensor& yes, ITensor& no) noexcept {
  return network_.add<ConditionalBoundary<nvinfer1::IIfConditionalOutputLayer>>("addOutput", [&](LayerDraft& draft) -> Status {
    draft.type = "layer_if_output";
    draft.attrs = make_attrs(layers::Boundary{region_});
    draft.reads(yes);
    draft.reads(no);
    return {};
  });
}

}  // namespace temper::api
