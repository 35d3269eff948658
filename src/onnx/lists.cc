#include "onnx/lists.h"

#include <algorithm>

namespace temper::onnx {
namespace {

using Name = std::string_view;

Error refuse(ErrorCode code, std::string why) { return Error(code, std::move(why)); }

int64_t integer(const Node& node, Name name, int64_t otherwise) {
  const Attribute* a = node.attribute(name);
  return a ? a->i : otherwise;
}

class Reader {
 public:
  Reader(Builder& b, const Node& node, Lists& lists, Singles& singles) : b_(b), node_(node), lists_(lists), singles_(singles) {}

  Status run() {
    Name op = node_.op_type;
    if (op == "SequenceEmpty") return give({});
    if (op == "SequenceConstruct") return construct();
    if (op == "SplitToSequence") return split();
    if (op == "Optional") return node_.inputs.empty() || node_.inputs[0].empty() ? give({}) : pass_on();
    if (op == "OptionalHasElement") return has_element();
    if (op == "OptionalGetElement" || op == "Identity") return pass_on();
    std::vector<Val> list = TEMPER_TRY(list_of(0));
    if (op == "SequenceLength") return give_value(b_.size(static_cast<int64_t>(list.size())));
    if (op == "SequenceAt") {
      int64_t at = TEMPER_TRY(position(1, list.size(), list.size()));
      if (at == static_cast<int64_t>(list.size()))
        return refuse(ErrorCode::kInvalidArgument, "the position lies outside the sequence");
      return give_value(list[at]);
    }
    if (op == "SequenceInsert") {
      Val v = TEMPER_TRY(value(1));
      int64_t at = TEMPER_TRY(position(2, list.size(), list.size()));
      list.insert(list.begin() + at, v);
      return give(std::move(list));
    }
    if (op == "SequenceErase") {
      if (list.empty()) return refuse(ErrorCode::kInvalidArgument, "an empty sequence has nothing to erase");
      int64_t at = TEMPER_TRY(position(1, list.size(), list.size() - 1));
      if (at == static_cast<int64_t>(list.size()))
        return refuse(ErrorCode::kInvalidArgument, "the position lies outside the sequence");
      list.erase(list.begin() + at);
      return give(std::move(list));
    }
    if (op == "ConcatFromSequence") return concat(std::move(list));
    return refuse(ErrorCode::kUnsupported,
                  "operator " + std::string(op) + " of a sequence is not supported; rewrite the model without it");
  }

 private:
  Expected<Val> value(size_t i) {
    auto found = i < node_.inputs.size() ? singles_.find(node_.inputs[i]) : singles_.end();
    if (found == singles_.end() || !found->second)
      return refuse(ErrorCode::kInvalidArgument, "input " + std::to_string(i) + " is not a tensor that could be read");
    return found->second;
  }
  Expected<std::vector<Val>> list_of(size_t i) {
    auto found = i < node_.inputs.size() ? lists_.find(node_.inputs[i]) : lists_.end();
    if (found == lists_.end())
      return refuse(ErrorCode::kUnsupported,
                    "input " + std::to_string(i) + " is not a sequence whose length is known when the model is built");
    return found->second;
  }
  // 0 .. count, negative ones from the end.
  Expected<int64_t> position(size_t i, size_t count, size_t otherwise) {
    if (i >= node_.inputs.size() || node_.inputs[i].empty()) return static_cast<int64_t>(otherwise);
    auto known = b_.contents(TEMPER_TRY(value(i)));
    if (!known || known->size() != 1 || !(*known)[0].is_const())
      return refuse(ErrorCode::kUnsupported, "a position in a sequence must be constant");
    int64_t at = (*known)[0].value();
    if (at < 0) at += static_cast<int64_t>(count);
    if (at < 0 || at > static_cast<int64_t>(count))
      return refuse(ErrorCode::kInvalidArgument, "the position lies outside the sequence");
    return at;
  }

  Status give(std::vector<Val> list) {
    TEMPER_TRY(b_.take_status());
    lists_[node_.outputs.at(0)] = std::move(list);
    return {};
  }
  Status give_value(Val v) {
    TEMPER_TRY(b_.take_status());
    singles_[node_.outputs.at(0)] = v;
    return {};
  }
  Status pass_on() {
    if (auto found = lists_.find(node_.inputs.at(0)); found != lists_.end()) {
      std::vector<Val> copy = found->second;
      return give(std::move(copy));
    }
    return give_value(TEMPER_TRY(value(0)));
  }
  Status has_element() {
    bool has = !node_.inputs.empty() && !node_.inputs[0].empty();
    if (has) {
      auto found = lists_.find(node_.inputs[0]);
      has = found == lists_.end() || !found->second.empty();
    }
    return give_value(b_.scalar(has ? 1 : 0, DType::kBool));
  }
  Status construct() {
    std::vector<Val> list;
    for (size_t i = 0; i < node_.inputs.size(); ++i) list.push_back(TEMPER_TRY(value(i)));
    return give(std::move(list));
  }
  Status concat(std::vector<Val> list) {
    if (list.empty()) return refuse(ErrorCode::kInvalidArgument, "the concatenation of an empty sequence");
    bool fresh = integer(node_, "new_axis", 0) != 0;
    int64_t axis = b_.normal_axis(integer(node_, "axis", 0), b_.rank(list[0]) + (fresh ? 1 : 0));
    for (Val& v : list) {
      if (fresh) v = b_.unsqueeze(v, std::span(&axis, 1));
    }
    return give_value(b_.concat(list, axis));
  }
  Status split() {
    Val x = TEMPER_TRY(value(0));
    int64_t axis = b_.normal_axis(integer(node_, "axis", 0), b_.rank(x));
    TEMPER_TRY(b_.take_status());
    SymInt extent = b_.dims(x)[axis];
    if (!extent.is_const())
      return refuse(ErrorCode::kUnsupported, "the dimension that is split into a sequence must be constant");
    std::vector<int64_t> sizes;
    bool each = node_.inputs.size() < 2 || node_.inputs[1].empty();
    if (each) {
      sizes.assign(static_cast<size_t>(extent.value()), 1);
    } else {
      Val given = TEMPER_TRY(value(1));
      auto known = b_.contents(given);
      if (!known) return refuse(ErrorCode::kUnsupported, "the sizes of the parts of a sequence must be constant");
      for (SymInt s : *known) {
        if (!s.is_const() || s.value() <= 0)
          return refuse(ErrorCode::kUnsupported, "the sizes of the parts of a sequence must be constant and positive");
        sizes.push_back(s.value());
      }
      if (b_.rank(given) == 0) {
        int64_t size = sizes[0];
        sizes.clear();
        for (int64_t at = 0; at < extent.value(); at += size) sizes.push_back(std::min(size, extent.value() - at));
      }
    }
    std::vector<Val> parts;
    int64_t start = 0;
    for (int64_t size : sizes) {
      Val part = b_.slice(x, axis, start, size);
      if (each && integer(node_, "keepdims", 1) == 0) part = b_.squeeze(part, std::span(&axis, 1));
      parts.push_back(part);
      start += size;
    }
    if (start != extent.value())
      return refuse(ErrorCode::kInvalidArgument, "the parts don't add up to the dimension that is split");
    return give(std::move(parts));
  }

  Builder& b_;
  const Node& node_;
  Lists& lists_;
  Singles& singles_;
};

}  // namespace

bool is_about_lists(const Node& node, const Lists& lists) {
  if (!node.domain.empty() || node.outputs.empty()) return false;
  static constexpr Name kAlways[] = {"SequenceEmpty", "SequenceConstruct",  "SplitToSequence",
                                     "Optional",      "OptionalHasElement", "OptionalGetElement"};
  if (std::find(std::begin(kAlways), std::end(kAlways), node.op_type) != std::end(kAlways)) return true;
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](Name input) { return lists.contains(input); });
}

Status read_list_node(Builder& b, const Node& node, Lists& lists, Singles& singles) {
  return Reader(b, node, lists, singles).run();
}

}  // namespace temper::onnx
