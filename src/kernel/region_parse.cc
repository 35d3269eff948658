// The reader of the grammar in region_text.cc.
#include "kernel/region.h"
#include "scalar/text_cursor.h"

namespace temper {

namespace {

class Parser {
 public:
  Parser(std::string_view text, SymContext& context) : cursor_(text), context_(context) {}

  Expected<Region> run() {
    TEMPER_TRY(cursor_.expect("region"));
    TEMPER_TRY(cursor_.expect("("));
    if (!cursor_.accept(")")) {
      do {
        TEMPER_TRY(definition());
        TEMPER_TRY(cursor_.expect(":"));
        region_.inputs.push_back(TEMPER_TRY(parse_tensor_type(cursor_, context_)));
        types_.push_back(region_.inputs.back());
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    TEMPER_TRY(cursor_.expect("{"));
    while (!cursor_.accept("}")) TEMPER_TRY(stage());
    TEMPER_TRY(cursor_.expect("->"));
    TEMPER_TRY(cursor_.expect("("));
    if (!cursor_.accept(")")) {
      do {
        region_.outputs.push_back(TEMPER_TRY(value()));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    if (!cursor_.at_end()) return cursor_.error("text after the end of a region");
    TEMPER_TRY(verify(region_));
    return std::move(region_);
  }

 private:
  // The name of the next value; defined_ counts those of the stage that is being read, which types_ does not have yet.
  Status definition() {
    TEMPER_TRY(cursor_.expect("%"));
    size_t start = cursor_.offset();
    int64_t number = TEMPER_TRY(cursor_.integer());
    if (number != defined_) return cursor_.error_at(start, "the next value is numbered %" + std::to_string(defined_));
    ++defined_;
    return {};
  }

  Expected<int> value() {
    TEMPER_TRY(cursor_.expect("%"));
    size_t start = cursor_.offset();
    int64_t number = TEMPER_TRY(cursor_.integer());
    if (number < 0 || number >= static_cast<int64_t>(types_.size()))
      return cursor_.error_at(start, "a value that is not defined before");
    return static_cast<int>(number);
  }

  Status stage() {
    int64_t first = defined_;
    do {
      TEMPER_TRY(definition());
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect("="));
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    Stage stage = TEMPER_TRY(stage_of(cursor_.word(), start));
    std::vector<TensorType> results = result_types(stage);
    if (static_cast<int64_t>(results.size()) != defined_ - first) {
      return cursor_.error_at(start, "the stage has " + std::to_string(results.size()) + " results");
    }
    types_.insert(types_.end(), results.begin(), results.end());
    region_.stages.push_back(std::move(stage));
    return {};
  }

  Expected<Stage> stage_of(std::string_view name, size_t start) {
    if (name == "map") return map();
    if (name == "reduce") return reduce();
    if (name == "contract") return contract();
    if (name == "scan") return scan();
    if (name == "sort") return sort();
    if (name == "scatter") return scatter();
    if (name == "compact") return compact();
    if (name == "opaque") return opaque();
    return cursor_.error_at(start, "no stage has the name '" + std::string(name) + "'");
  }

  Expected<SymInt> expression(std::string_view ends, const Dims& domain, std::span<const SymInt> loaded = {}) {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    Expected<SymInt> parsed = context_.parse(cursor_.until(ends), domain, loaded);
    if (!parsed.ok()) return cursor_.error_at(start, parsed.error().message());
    return parsed;
  }

  Expected<std::vector<SymInt>> expressions(const Dims& domain, std::span<const SymInt> loaded = {}) {
    std::vector<SymInt> all;
    TEMPER_TRY(cursor_.expect("["));
    if (cursor_.accept("]")) return all;
    do {
      all.push_back(TEMPER_TRY(expression(",]", domain, loaded)));
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect("]"));
    return all;
  }

  // "[n, 64 | 3, 3]"; `reduced` is how many follow the bar.
  Expected<Dims> domain(int& reduced) {
    Dims dims;
    reduced = 0;
    TEMPER_TRY(cursor_.expect("["));
    bool after_bar = cursor_.accept("|");
    bool more = !cursor_.looking_at("]");
    while (more) {
      dims.push_back(TEMPER_TRY(expression(",|]", {})));
      reduced += after_bar;
      if (!after_bar && cursor_.accept("|")) {
        after_bar = more = true;
      } else {
        more = cursor_.accept(",");
      }
    }
    TEMPER_TRY(cursor_.expect("]"));
    return dims;
  }
  Expected<Dims> plain_domain() {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    int reduced = 0;
    Dims dims = TEMPER_TRY(domain(reduced));
    if (reduced != 0) return cursor_.error_at(start, "this stage has no reduced dimensions");
    return dims;
  }
  Expected<SymInt> single() {
    TEMPER_TRY(cursor_.expect("["));
    SymInt size = TEMPER_TRY(expression("]", {}));
    TEMPER_TRY(cursor_.expect("]"));
    return size;
  }

  Expected<std::vector<DType>> result() {
    std::vector<DType> dtypes;
    if (!cursor_.accept("(")) {
      dtypes.push_back(TEMPER_TRY(cursor_.dtype()));
      return dtypes;
    }
    do {
      dtypes.push_back(TEMPER_TRY(cursor_.dtype()));
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect(")"));
    return dtypes;
  }

  // What follows the value of an access. The extents of loaded variables stand behind the expressions that use them, so those
  // are read again once the extents are known.
  Status target(Access& access, const Dims& domain, bool is_scatter) {
    size_t start = cursor_.offset();
    std::vector<SymInt> extents;
    skip_indices();
    if (cursor_.accept_word("with")) {
      TEMPER_TRY(cursor_.expect("("));
      do {
        TEMPER_TRY(cursor_.expect("v"));
        if (TEMPER_TRY(cursor_.integer()) != static_cast<int64_t>(extents.size()))
          return cursor_.error("loads are in the order v0, v1, ...");
        TEMPER_TRY(cursor_.expect("<"));
        extents.push_back(TEMPER_TRY(single()));
        TEMPER_TRY(cursor_.expect("="));
        Access::Load load;
        load.value = TEMPER_TRY(value());
        load.map.domain = domain;
        load.map.results = TEMPER_TRY(expressions(domain));
        if (cursor_.accept_word("if")) {
          TEMPER_TRY(cursor_.expect("("));
          load.map.guard = TEMPER_TRY(expression(")", domain));
          TEMPER_TRY(cursor_.expect(")"));
        }
        access.loads.push_back(std::move(load));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    TextCursor end = cursor_;
    cursor_.seek(start);
    access.map.domain = domain;
    access.map.results = TEMPER_TRY(expressions(domain, extents));
    if (cursor_.accept_word("if")) {
      TEMPER_TRY(cursor_.expect("("));
      access.map.guard = TEMPER_TRY(expression(")", domain, extents));
      TEMPER_TRY(cursor_.expect(")"));
      TEMPER_TRY(cursor_.expect("else"));
      if (is_scatter) {
        TEMPER_TRY(cursor_.expect("drop"));
      } else {
        TEMPER_TRY(fill(access));
      }
    }
    if (!extents.empty()) cursor_ = end;
    return {};
  }

  // Over "[...]" and "if (...) else value", without reading what is in them.
  void skip_indices() {
    if (!cursor_.accept("[")) return;
    cursor_.until("]");
    cursor_.accept("]");
    if (!cursor_.accept_word("if") || !cursor_.accept("(")) return;
    cursor_.until(")");
    cursor_.accept(")");
    if (cursor_.accept_word("else")) cursor_.number();
  }

  Status fill(Access& access) {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    DType dtype = types_[access.value].dtype;
    std::string_view text = cursor_.number();
    std::optional<ScalarValue> value = parse_scalar_value(text, dtype);
    if (!value)
      return cursor_.error_at(start, "'" + std::string(text) + "' is no value of type " + std::string(dtype_name(dtype)));
    access.fill = *value;
    return {};
  }

  Expected<Access> access(const Dims& domain) {
    Access access;
    access.value = TEMPER_TRY(value());
    TEMPER_TRY(target(access, domain, false));
    return access;
  }

  Expected<std::vector<Access>> operands(const Dims& domain) {
    std::vector<Access> all;
    TEMPER_TRY(cursor_.expect("("));
    if (cursor_.accept(")")) return all;
    do {
      all.push_back(TEMPER_TRY(access(domain)));
    } while (cursor_.accept(","));
    TEMPER_TRY(cursor_.expect(")"));
    return all;
  }

  Expected<ScalarBodyPtr> body(const Dims& domain) {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    // A body ends with its results: %n, ..., and the next stage begins with %n ... =.
    std::string_view all = cursor_.rest();
    cursor_.until("{");
    cursor_.accept("{");
    cursor_.until("}");
    cursor_.accept("}");
    TEMPER_TRY(cursor_.expect("->"));
    do {
      TEMPER_TRY(cursor_.expect("%"));
      TEMPER_TRY(cursor_.integer());
    } while (cursor_.accept(","));
    Expected<ScalarBodyPtr> body = parse_scalar_body(all.substr(0, cursor_.offset() - start), context_, domain);
    if (!body.ok()) return cursor_.error_at(start, "in the body that begins here, " + body.error().message());
    return body;
  }

  Expected<MonoidKind> monoid() {
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    std::string_view name = cursor_.word();
    std::optional<MonoidKind> kind = monoid_from_name(name);
    if (!kind) return cursor_.error_at(start, "no monoid has the name '" + std::string(name) + "'");
    return *kind;
  }

  Expected<int> axis(const Dims& domain) {
    TEMPER_TRY(cursor_.expect("axis"));
    size_t start = cursor_.offset();
    int64_t axis = TEMPER_TRY(cursor_.integer());
    if (axis < 0 || axis >= static_cast<int64_t>(domain.size()))
      return cursor_.error_at(start, "the axis is no dimension of the stage");
    return static_cast<int>(axis);
  }

  Expected<Stage> map() {
    Map s;
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    std::vector<DType> dtypes = TEMPER_TRY(result());
    s.domain = TEMPER_TRY(plain_domain());
    s.operands = TEMPER_TRY(operands(s.domain));
    s.body = TEMPER_TRY(body(s.domain));
    bool agrees = dtypes.size() == s.body->results().size();
    for (size_t i = 0; agrees && i < dtypes.size(); ++i) agrees = s.body->result_dtype(static_cast<int>(i)) == dtypes[i];
    if (!agrees) return cursor_.error_at(start, "the body of the map has results of other types");
    return Stage(std::move(s));
  }

  Expected<Stage> reduce() {
    Reduce s;
    s.monoid = TEMPER_TRY(monoid());
    s.dtypes = TEMPER_TRY(result());
    s.domain = TEMPER_TRY(domain(s.reduced));
    s.operands = TEMPER_TRY(operands(s.domain));
    s.body = TEMPER_TRY(body(s.domain));
    return Stage(std::move(s));
  }

  Expected<Stage> contract() {
    Contract s;
    s.dtype = s.accumulate = TEMPER_TRY(cursor_.dtype());
    s.domain = TEMPER_TRY(domain(s.reduced));
    if (cursor_.accept_word("in")) s.accumulate = TEMPER_TRY(cursor_.dtype());
    s.lhs = TEMPER_TRY(access(s.domain));
    TEMPER_TRY(cursor_.expect("*"));
    s.rhs = TEMPER_TRY(access(s.domain));
    return Stage(std::move(s));
  }

  Expected<Stage> scan() {
    Scan s;
    s.monoid = TEMPER_TRY(monoid());
    s.dtype = TEMPER_TRY(cursor_.dtype());
    s.domain = TEMPER_TRY(plain_domain());
    s.axis = TEMPER_TRY(axis(s.domain));
    s.exclusive = cursor_.accept_word("exclusive");
    s.reverse = cursor_.accept_word("reverse");
    s.operand = TEMPER_TRY(access(s.domain));
    return Stage(std::move(s));
  }

  Expected<Stage> sort() {
    Sort s;
    s.dtype = TEMPER_TRY(cursor_.dtype());
    s.domain = TEMPER_TRY(plain_domain());
    s.axis = TEMPER_TRY(axis(s.domain));
    s.descending = cursor_.accept_word("descending");
    TEMPER_TRY(cursor_.expect("count"));
    s.count = TEMPER_TRY(single());
    s.operand = TEMPER_TRY(access(s.domain));
    return Stage(std::move(s));
  }

  Expected<Stage> scatter() {
    Scatter s;
    s.dtype = TEMPER_TRY(cursor_.dtype());
    s.dims = TEMPER_TRY(plain_domain());
    s.base = TEMPER_TRY(access(s.dims));
    TEMPER_TRY(cursor_.expect("<-"));
    cursor_.skip_blanks();
    size_t start = cursor_.offset();
    if (std::string_view name = cursor_.word(); !name.empty()) {
      s.combine = scalar_from_name(name);
      if (!s.combine) return cursor_.error_at(start, "no scalar function has the name '" + std::string(name) + "'");
    }
    Dims updates = TEMPER_TRY(plain_domain());
    s.update = TEMPER_TRY(access(updates));
    TEMPER_TRY(cursor_.expect("at"));
    TEMPER_TRY(target(s.target, updates, true));
    return Stage(std::move(s));
  }

  Expected<Stage> compact() {
    Compact s;
    s.extent = TEMPER_TRY(single());
    TEMPER_TRY(cursor_.expect("size"));
    s.size = TEMPER_TRY(single());
    s.mask = TEMPER_TRY(access({s.extent}));
    return Stage(std::move(s));
  }

  Expected<std::string> quoted() {
    TEMPER_TRY(cursor_.expect("\""));
    std::string_view rest = cursor_.rest();
    std::string text;
    for (size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] == '"') {
        cursor_.seek(cursor_.offset() + i + 1);
        return text;
      }
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      text += rest[i];
    }
    return cursor_.error("a quoted text without end");
  }

  Expected<Stage> opaque() {
    Opaque s;
    s.name = TEMPER_TRY(quoted());
    TEMPER_TRY(cursor_.expect("{"));
    if (!cursor_.accept("}")) {
      do {
        std::string name = TEMPER_TRY(quoted());
        TEMPER_TRY(cursor_.expect("="));
        s.parameters.emplace_back(std::move(name), TEMPER_TRY(quoted()));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect("}"));
    }
    TEMPER_TRY(cursor_.expect("("));
    if (!cursor_.accept(")")) {
      do {
        s.operands.push_back(TEMPER_TRY(value()));
      } while (cursor_.accept(","));
      TEMPER_TRY(cursor_.expect(")"));
    }
    TEMPER_TRY(cursor_.expect(":"));
    do {
      s.results.push_back(TEMPER_TRY(parse_tensor_type(cursor_, context_)));
    } while (cursor_.accept(","));
    return Stage(std::move(s));
  }

  TextCursor cursor_;
  SymContext& context_;
  Region region_;
  std::vector<TensorType> types_;  // of the values that may be read
  int64_t defined_ = 0;
};

}  // namespace

Expected<Region> parse_region(std::string_view text, SymContext& context) { return Parser(text, context).run(); }

}  // namespace temper
