#include <algorithm>

#include "ir/graph_text.h"
#include "ir/op.h"
#include "ir/text_form.h"
#include "scalar/text_cursor.h"

namespace temper {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// What quoted_text writes.
Expected<std::string> parse_string(TextCursor& cursor) {
  TEMPER_TRY(cursor.expect("\""));
  std::string result;
  std::string_view rest = cursor.rest();
  auto digit = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      cursor.seek(cursor.offset() + i + 1);
      return result;
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && rest[++i] == 'x') {
      if (i + 2 >= rest.size()) break;
      result += static_cast<char>(digit(rest[i + 1]) * 16 + digit(rest[i + 2]));
      i += 2;
      continue;
    }
    result += rest[i];
  }
  return cursor.error("a string without its closing quote");
}

class AttrParser {
 public:
  AttrParser(TextCursor& cursor, SymContext& context, const ConstantResolver& constants)
      : cursor_(cursor), context_(context), constants_(constants) {}

  // {name = value, ...}: the alternative of each value is that of the op's default.
  Expected<AttrsPtr> run(const Op& op) {
    AttrFields fields;
    auto defaults = op.default_attrs->fields();
    if (!cursor_.accept("{") || cursor_.accept("}")) return op.make_attrs(fields);
    do {
      cursor_.skip_blanks();
      size_t start = cursor_.offset();
      std::string name(cursor_.word());
      auto known = std::find_if(defaults.begin(), defaults.end(), [&](const auto& f) { return f.first == name; });
      if (known == defaults.end())
        return cursor_.error_at(start, "operator " + quoted(op.name) + " has no attribute " + quoted(name));
      TEMPER_TRY(cursor_.expect("="));
      AttrValue value = TEMPER_TRY(std::visit(
          [&](const auto& like) -> Expected<AttrValue> { return AttrValue(TEMPER_TRY(read(like))); }, known->second));
      if (name == "domain") domain_ = std::get<Dims>(value);
      fields.emplace(std::move(name), std::move(value));
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect("}"));
    return op.make_attrs(fields);
  }

  Expected<Tensor> tensor() { return read(Tensor()); }

 private:
  template <class T>
  Expected<std::vector<T>> list() {
    std::vector<T> values;
    TEMPER_TRY(cursor_.expect("["));
    if (cursor_.accept("]")) return values;
    do {
      values.push_back(TEMPER_TRY(read(T{})));
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect("]"));
    return values;
  }
  template <class F>
  auto word(std::string_view what, F find) -> Expected<std::remove_cvref_t<decltype(*find(std::string_view()))>> {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    std::string_view name = cursor_.word();
    auto found = find(name);
    if (!found) return cursor_.error_at(start, quoted(name) + " is no " + std::string(what));
    return *found;
  }

  Expected<bool> read(bool) {
    if (cursor_.accept_word("true")) return true;
    if (cursor_.accept_word("false")) return false;
    return cursor_.error("expected true or false");
  }
  Expected<int64_t> read(int64_t) { return cursor_.integer(); }
  Expected<double> read(double) {
    auto value = parse_scalar_value(cursor_.number(), DType::kF64);
    if (!value) return cursor_.error("expected a number");
    return value->f;
  }
  Expected<std::string> read(const std::string&) { return parse_string(cursor_); }
  Expected<DType> read(DType) { return cursor_.dtype(); }
  Expected<MonoidKind> read(MonoidKind) { return word("reduction", &monoid_from_name); }
  Expected<std::optional<ScalarOp>> read(const std::optional<ScalarOp>&) {
    if (cursor_.accept_word("none")) return std::optional<ScalarOp>();
    return std::optional(TEMPER_TRY(word("scalar function", &scalar_from_name)));
  }
  Expected<std::vector<int64_t>> read(const std::vector<int64_t>&) { return list<int64_t>(); }
  Expected<std::vector<double>> read(const std::vector<double>&) { return list<double>(); }
  Expected<std::vector<std::string>> read(const std::vector<std::string>&) { return list<std::string>(); }
  Expected<SymInt> read(SymInt) {
    size_t start = cursor_.offset();
    auto value = context_.parse(cursor_.until(",}"));
    if (!value.ok()) return cursor_.error_at(start, value.error().message());
    return value;
  }
  Expected<Dims> read(const Dims&) { return parse_dims(cursor_, context_); }
  Expected<IndexMaps> read(const IndexMaps&) { return list<IndexMap>(); }
  Expected<IndexMap> read(const IndexMap&) {
    size_t start = cursor_.offset();
    std::string_view text = cursor_.until(",}]"), extents;
    if (size_t cut = text.find(" where "); cut != std::string_view::npos) {
      extents = text.substr(cut + 7);
      text = text.substr(0, cut);
    }
    // v0 < (10) and v2 < (n): those that are not named are not used.
    std::vector<SymInt> loaded;
    TextCursor where(extents);
    while (!where.at_end()) {
      TEMPER_TRY(where.expect("v"));
      int64_t ordinal = TEMPER_TRY(where.integer());
      TEMPER_TRY(where.expect("<"));
      TEMPER_TRY(where.expect("("));
      if (ordinal < 0 || ordinal > 64) return cursor_.error_at(start, "a loaded variable has a number up to 64");
      if (loaded.size() <= static_cast<size_t>(ordinal)) loaded.resize(ordinal + 1, SymInt(0));
      loaded[ordinal] = TEMPER_TRY(context_.parse(where.until(")")));
      TEMPER_TRY(where.expect(")"));
      where.accept("and");
    }
    auto map = parse_index_map(text, context_, loaded);
    if (!map.ok()) return cursor_.error_at(start, map.error().message());
    return map;
  }
  Expected<ScalarBodyPtr> read(const ScalarBodyPtr&) {
    TEMPER_TRY(cursor_.expect("{"));
    size_t start = cursor_.offset();
    auto body = parse_scalar_body(cursor_.until("}"), context_, domain_);
    if (!body.ok()) return cursor_.error_at(start, body.error().message());
    TEMPER_TRY(cursor_.expect("}"));
    return body;
  }
  Expected<Tensor> read(const Tensor&) {
    TensorType type = TEMPER_TRY(parse_tensor_type(cursor_, context_));
    std::vector<int64_t> dims;
    for (SymInt d : type.dims) {
      if (!d.is_const() || d.value() < 0) return cursor_.error("a constant has constant dims");
      dims.push_back(d.value());
    }
    if (cursor_.accept("<")) {
      std::string_view hash = cursor_.until(">");
      TEMPER_TRY(cursor_.expect(">"));
      if (!constants_) return cursor_.error("no constants are at hand to look up " + std::string(hash));
      Tensor found = TEMPER_TRY(constants_(type, hash));
      if (found.dtype() != type.dtype || found.dims() != dims)
        return cursor_.error("the constant " + std::string(hash) + " has another type");
      return found;
    }
    int64_t count = element_count(dims);
    if (count > 16) return cursor_.error("more than 16 elements stand as their hash");
    TEMPER_TRY(cursor_.expect("("));
    Tensor tensor = type.dtype == DType::kString ? Tensor() : Tensor::zeros(type.dtype, dims);
    std::vector<std::string> strings;
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0) TEMPER_TRY(cursor_.expect(","));
      if (type.dtype == DType::kString) {
        strings.push_back(TEMPER_TRY(parse_string(cursor_)));
        continue;
      }
      auto value = parse_scalar_value(cursor_.number(), type.dtype);
      if (!value) return cursor_.error("expected an element of type " + std::string(dtype_name(type.dtype)));
      tensor.set(i, *value);
    }
    TEMPER_TRY(cursor_.expect(")"));
    return type.dtype == DType::kString ? Tensor::strings(dims, std::move(strings)) : tensor;
  }

  TextCursor& cursor_;
  SymContext& context_;
  const ConstantResolver& constants_;
  Dims domain_;
};

class GraphParser {
 public:
  GraphParser(TextCursor& cursor, std::shared_ptr<SymContext> context, const ConstantResolver& constants, int depth)
      : cursor_(cursor), graph_(std::move(context)), constants_(constants), depth_(depth) {}

  Expected<Graph> run() {
    if (depth_ > 64) return cursor_.error("bodies are nested too deeply");
    if (!cursor_.accept_word("graph")) return cursor_.error("expected 'graph'");
    TEMPER_TRY(cursor_.expect("("));
    if (!cursor_.accept(")")) {
      do {
        Definition d = TEMPER_TRY(definition(count_));
        ++count_;
        ValueId id = graph_.add_input(std::move(d.type), std::move(d.name));
        graph_.value(id).contents = std::move(d.contents);
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    TEMPER_TRY(cursor_.expect("{"));
    while (!cursor_.accept("}")) TEMPER_TRY(node());
    TEMPER_TRY(cursor_.expect("->"));
    TEMPER_TRY(cursor_.expect("("));
    std::vector<ValueId> outputs;
    if (!cursor_.accept(")")) {
      do {
        outputs.push_back(TEMPER_TRY(reference(count_)));
        if (cursor_.looking_at("\"")) graph_.output_names().push_back(TEMPER_TRY(parse_string(cursor_)));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    graph_.set_outputs(std::move(outputs));
    return std::move(graph_);
  }

 private:
  struct Definition {
    ValueType type;
    std::string name;
    std::optional<std::vector<SymInt>> contents;
  };

  Expected<Definition> definition(int number) {
    TEMPER_TRY(cursor_.expect("%"));
    if (TEMPER_TRY(cursor_.integer()) != number) return cursor_.error("the next value is %" + std::to_string(number));
    TEMPER_TRY(cursor_.expect(":"));
    Definition d;
    bool sequence = cursor_.accept_word("sequence"), optional = !sequence && cursor_.accept_word("optional");
    if (sequence || optional) TEMPER_TRY(cursor_.expect("("));
    TensorType type = TEMPER_TRY(parse_tensor_type(cursor_, graph_.sym()));
    if (sequence || optional) TEMPER_TRY(cursor_.expect(")"));
    if (sequence)
      d.type = SequenceType{std::move(type)};
    else if (optional)
      d.type = OptionalType{std::move(type)};
    else
      d.type = std::move(type);
    if (cursor_.accept("{")) {
      d.contents.emplace();
      while (!cursor_.accept("}")) {
        if (!d.contents->empty()) TEMPER_TRY(cursor_.expect(","));
        d.contents->push_back(TEMPER_TRY(graph_.sym().parse(cursor_.until(",}"))));
      }
    }
    if (cursor_.looking_at("\"")) d.name = TEMPER_TRY(parse_string(cursor_));
    return d;
  }

  // Values below `limit` are defined.
  Expected<ValueId> reference(int limit) {
    if (cursor_.accept("_")) return kNone32;
    TEMPER_TRY(cursor_.expect("%"));
    int64_t number = TEMPER_TRY(cursor_.integer());
    if (number < 0 || number >= limit) return cursor_.error("%" + std::to_string(number) + " is not defined before");
    return static_cast<ValueId>(number);
  }

  Status node() {
    std::vector<Definition> results;
    if (cursor_.looking_at("%")) {
      do {
        results.push_back(TEMPER_TRY(definition(count_ + static_cast<int>(results.size()))));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect("="));
    }
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    std::string_view name = cursor_.word();
    const Op* op = find_op(name);
    if (!op) return cursor_.error_at(start, "no operator is named " + quoted(name));
    TEMPER_TRY(cursor_.expect("("));
    std::vector<ValueId> operands;
    if (!cursor_.accept(")")) {
      do {
        operands.push_back(TEMPER_TRY(reference(count_)));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    AttrsPtr attrs = TEMPER_TRY(AttrParser(cursor_, graph_.sym(), constants_).run(*op));
    std::string node_name;
    if (cursor_.looking_at("\"")) node_name = TEMPER_TRY(parse_string(cursor_));
    std::vector<std::unique_ptr<Graph>> bodies;
    for (;;) {
      size_t here = cursor_.offset();
      if (cursor_.word() != "graph") {
        cursor_.seek(here);
        break;
      }
      cursor_.seek(here);
      bodies.push_back(
          std::make_unique<Graph>(TEMPER_TRY(GraphParser(cursor_, graph_.context(), constants_, depth_ + 1).run())));
    }
    std::vector<ValueType> types;
    for (const Definition& d : results) types.push_back(d.type);
    NodeId id =
        graph_.add_node(*op, std::move(attrs), std::move(operands), std::move(types), std::move(bodies), std::move(node_name));
    for (size_t r = 0; r < results.size(); ++r) {
      Value& value = graph_.value(graph_.node(id).results[r]);
      value.name = std::move(results[r].name);
      value.contents = std::move(results[r].contents);
    }
    count_ += static_cast<int>(results.size());
    return {};
  }

  TextCursor& cursor_;
  Graph graph_;
  const ConstantResolver& constants_;
  int depth_;
  int count_ = 0;  // values that are defined: their ids are their numbers
};

}  // namespace

Expected<Graph> parse_graph(std::string_view text, std::shared_ptr<SymContext> context, const ConstantResolver& constants) {
  TextCursor cursor(text);
  Graph graph = TEMPER_TRY(GraphParser(cursor, std::move(context), constants, 0).run());
  if (!cursor.at_end()) return cursor.error("text after the end of the graph");
  TEMPER_TRY(verify(graph));
  return graph;
}

Expected<OpSample> parse_sample(const Op& op, std::string_view text, SymContext& context) {
  TextCursor cursor(text);
  const ConstantResolver none;
  OpSample sample;
  while (!cursor.at_end() && !cursor.looking_at("{")) {
    if (!sample.operands.empty()) TEMPER_TRY(cursor.expect(","));
    if (cursor.accept("_")) {
      sample.operands.emplace_back();
      continue;
    }
    size_t start = cursor.offset();
    TensorType type = TEMPER_TRY(parse_tensor_type(cursor, context));
    if (cursor.looking_at("(")) {
      cursor.seek(start);
      sample.operands.emplace_back(TEMPER_TRY(AttrParser(cursor, context, none).tensor()));
    } else {
      sample.operands.emplace_back(std::move(type));
    }
  }
  sample.attrs = TEMPER_TRY(AttrParser(cursor, context, none).run(op));
  if (!cursor.at_end()) return cursor.error("text after the end of the sample");
  return sample;
}

}  // namespace temper
