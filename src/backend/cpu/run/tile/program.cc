#include "backend/cpu/run/tile/program.h"

#include <string>

namespace temper::cpu::tile {
namespace {

constexpr int kMaxDims = 24;
constexpr size_t kMaxCode = 4096;

Error corrupt(const std::string& what) {
  return Error(ErrorCode::kCorrupt, "tile program: " + what + "; build the plan again");
}

void write(ByteWriter& w, const Form& f) {
  w.i32(f.constant);
  w.vector(f.coefficients);
}
Expected<Form> read_form(ByteReader& r) {
  Form f;
  f.constant = TEMPER_TRY(r.i32());
  f.coefficients = TEMPER_TRY(r.vector<int32_t>());
  return f;
}
void write(ByteWriter& w, const std::vector<Form>& forms) {
  w.count(forms.size());
  for (const Form& f : forms) write(w, f);
}
Expected<std::vector<Form>> read_forms(ByteReader& r) {
  std::vector<Form> forms(TEMPER_TRY(r.count(8)));
  for (Form& f : forms) f = TEMPER_TRY(read_form(r));
  return forms;
}
void write(ByteWriter& w, const std::vector<DType>& types) {
  w.count(types.size());
  for (DType t : types) w.enumerator(t);
}
Expected<std::vector<DType>> read_types(ByteReader& r) {
  std::vector<DType> types(TEMPER_TRY(r.count(1)));
  for (DType& t : types) t = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
  return types;
}
void write(ByteWriter& w, const ScalarValue& v) {
  w.f64(v.f);
  w.i64(v.i);
}
Expected<ScalarValue> read_value(ByteReader& r) {
  ScalarValue v;
  v.f = TEMPER_TRY(r.f64());
  v.i = TEMPER_TRY(r.i64());
  return v;
}

void write(ByteWriter& w, const StageCode& s) {
  w.vector(s.own);
  w.i32(s.reduced);
  w.boolean(s.reduce);
  w.enumerator(s.monoid);
  write(w, s.forms);
  w.count(s.accesses.size());
  for (const Access& a : s.accesses) {
    w.i32(a.place);
    w.enumerator(a.dtype);
    write(w, a.address);
    write(w, a.guards);
    w.i32(a.index);
    w.i32(a.guard);
    write(w, a.fill);
  }
  w.count(s.code.size());
  for (const Instruction& i : s.code) {
    w.u8(i.op);
    w.enumerator(i.dtype);
    w.enumerator(i.operand);
    for (int32_t arg : i.args) w.i32(arg);
    w.i32(i.index);
    write(w, i.value);
  }
  w.vector(s.results);
  write(w, s.result_dtypes);
  w.count(s.stores.size());
  for (const Store& t : s.stores) {
    w.i32(t.result);
    w.i32(t.place);
    w.enumerator(t.dtype);
    write(w, t.address);
  }
}

#define MONOID(...) +1
constexpr int kMonoids = 0
#include "scalar/monoid.def"
    ;
#undef MONOID

Expected<StageCode> read_stage(ByteReader& r) {
  StageCode s;
  s.own = TEMPER_TRY(r.vector<int32_t>());
  s.reduced = TEMPER_TRY(r.i32());
  s.reduce = TEMPER_TRY(r.boolean());
  s.monoid = TEMPER_TRY(r.enumerator<MonoidKind>(kMonoids));
  s.forms = TEMPER_TRY(read_forms(r));
  s.accesses.resize(TEMPER_TRY(r.count(30)));
  for (Access& a : s.accesses) {
    a.place = TEMPER_TRY(r.i32());
    a.dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    a.address = TEMPER_TRY(read_form(r));
    a.guards = TEMPER_TRY(read_forms(r));
    a.index = TEMPER_TRY(r.i32());
    a.guard = TEMPER_TRY(r.i32());
    a.fill = TEMPER_TRY(read_value(r));
  }
  s.code.resize(TEMPER_TRY(r.count(30)));
  for (Instruction& i : s.code) {
    i.op = TEMPER_TRY(r.u8());
    i.dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    i.operand = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    for (int32_t& arg : i.args) arg = TEMPER_TRY(r.i32());
    i.index = TEMPER_TRY(r.i32());
    i.value = TEMPER_TRY(read_value(r));
  }
  s.results = TEMPER_TRY(r.vector<int32_t>());
  s.result_dtypes = TEMPER_TRY(read_types(r));
  s.stores.resize(TEMPER_TRY(r.count(17)));
  for (Store& t : s.stores) {
    t.result = TEMPER_TRY(r.i32());
    t.place = TEMPER_TRY(r.i32());
    t.dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    t.address = TEMPER_TRY(read_form(r));
  }
  return s;
}

// Checks one stage against the program; `written` says which scratch values earlier stages have filled.
struct StageVerifier {
  const Program& program;
  const StageCode& stage;
  std::vector<bool>& written;
  int dims = 0;

  bool parameter(int32_t p) const { return p >= kZeroParameter && p < program.parameters; }

  Status form(const Form& f) const {
    if (f.coefficients.size() != static_cast<size_t>(dims)) return corrupt("a form of the wrong rank");
    bool good = parameter(f.constant);
    for (int32_t c : f.coefficients) good = good && parameter(c);
    if (!good) return corrupt("a parameter that does not exist");
    return {};
  }

  Status place(int32_t place, DType dtype, bool write) const {
    const int32_t buffers = static_cast<int32_t>(program.buffers.size());
    if (place < 0 || place >= buffers + static_cast<int32_t>(program.scratch.size()))
      return corrupt("a place that does not exist");
    DType actual = place < buffers ? program.buffers[place] : program.scratch[place - buffers].dtype;
    if (actual != dtype) return corrupt("an access with the wrong type");
    if (place >= buffers && !write && !written[place - buffers]) return corrupt("a value is read before it is written");
    return {};
  }

  Status reg(int32_t r, size_t before, RegType type) const {
    if (r < 0 || static_cast<size_t>(r) >= before) return corrupt("a register that is not defined yet");
    if (reg_type(stage.code[r].dtype) != type) return corrupt("a register of the wrong type");
    return {};
  }

  Status scalar(const Instruction& i, size_t k) const {
    const ScalarInfo& info = scalar_info(static_cast<ScalarOp>(i.op));
    const DType t = i.operand;
    bool good = true;
    switch (info.rule) {
      case TypeRule::kNumeric:
        good = i.dtype == t && t != DType::kBool;
        break;
      case TypeRule::kFloat:
        good = i.dtype == t && is_float(t);
        break;
      case TypeRule::kInt:
        good = i.dtype == t && is_int(t);
        break;
      case TypeRule::kBool:
        good = i.dtype == t && t == DType::kBool;
        break;
      case TypeRule::kPredicate:
        good = i.dtype == DType::kBool && is_float(t);
        break;
      case TypeRule::kCompare:
        good = i.dtype == DType::kBool;
        break;
      case TypeRule::kSelect:
        good = i.dtype == t;
        break;
    }
    if (!good) return corrupt("an operation on a type that it does not have");
    for (int a = 0; a < info.arity; ++a) {
      bool condition = info.rule == TypeRule::kSelect && a == 0;
      TEMPER_TRY(reg(i.args[a], k, reg_type(condition ? DType::kBool : t)));
    }
    return {};
  }

  Status instruction(const Instruction& i, size_t k) const {
    if (i.op >= kOpCount || i.dtype == DType::kString || i.operand == DType::kString) return corrupt("an unknown operation");
    if (i.op < kScalarRows) return scalar(i, k);
    switch (i.op) {
      case kOpCast:
        return reg(i.args[0], k, reg_type(i.operand));
      case kOpConst:
        return {};
      case kOpForm:
        if (i.dtype != DType::kI64 || i.index < 0 || static_cast<size_t>(i.index) >= stage.forms.size())
          return corrupt("a form that does not exist");
        return {};
      case kOpLoad: {
        if (i.index < 0 || static_cast<size_t>(i.index) >= stage.accesses.size())
          return corrupt("an access that does not exist");
        const Access& a = stage.accesses[i.index];
        if (reg_type(a.dtype) != reg_type(i.dtype)) return corrupt("a load into a register of another type");
        if (a.index != -1) TEMPER_TRY(reg(a.index, k, RegType::kI64));
        if (a.guard != -1) TEMPER_TRY(reg(a.guard, k, RegType::kBool));
        return {};
      }
      case kOpCheck:
        if (i.dtype != DType::kI64 || !parameter(i.index)) return corrupt("a check without a limit");
        TEMPER_TRY(reg(i.args[0], k, RegType::kI64));
        if (i.args[1] != -1) TEMPER_TRY(reg(i.args[1], k, RegType::kBool));
        return {};
      default:
        if (program.row_dims < 0 || (i.dtype != DType::kF32 && i.dtype != DType::kI32))
          return corrupt("an accumulator outside an epilogue");
        return {};
    }
  }

  Status run() {
    dims = stage.dims(static_cast<int>(program.shared.size()));
    if (dims > kMaxDims) return corrupt("too many dimensions");
    if (stage.code.size() > kMaxCode || stage.accesses.size() > kMaxCode || stage.forms.size() > kMaxCode)
      return corrupt("too much code");
    if (stage.reduced < 0 || static_cast<size_t>(stage.reduced) > stage.own.size() || (!stage.reduce && stage.reduced != 0))
      return corrupt("reduced dimensions that do not exist");
    for (int32_t e : stage.own)
      if (e < 0 || !parameter(e)) return corrupt("an extent that does not exist");
    for (const Form& f : stage.forms) TEMPER_TRY(form(f));
    for (const Access& a : stage.accesses) {
      if (a.dtype == DType::kString) return corrupt("a string tensor");
      TEMPER_TRY(place(a.place, a.dtype, false));
      TEMPER_TRY(form(a.address));
      for (const Form& g : a.guards) TEMPER_TRY(form(g));
    }
    size_t forms = stage.forms.size() + stage.accesses.size() + stage.stores.size() + 1;
    for (const Access& a : stage.accesses) forms += a.guards.size();
    if (forms > kMaxStageForms) return corrupt("too many addresses");
    for (size_t k = 0; k < stage.code.size(); ++k) TEMPER_TRY(instruction(stage.code[k], k));
    if (stage.results.empty() || (stage.reduce && stage.results.size() != 1)) return corrupt("a stage without a result");
    for (int32_t r : stage.results)
      if (r < 0 || static_cast<size_t>(r) >= stage.code.size()) return corrupt("a result that is not defined");
    const size_t values = stage.reduce ? static_cast<size_t>(monoid_info(stage.monoid).results) : stage.results.size();
    if (stage.result_dtypes.size() != values) return corrupt("the wrong number of results");
    for (size_t k = 0; k < values; ++k) {
      DType t = stage.result_dtypes[k];
      if (t == DType::kString) return corrupt("a string result");
      if (!stage.reduce && reg_type(t) != reg_type(stage.code[stage.results[k]].dtype))
        return corrupt("a result of the wrong type");
    }
    if (stage.reduce) TEMPER_TRY(monoid());
    for (const Store& t : stage.stores) {
      if (t.result < 0 || static_cast<size_t>(t.result) >= values || t.dtype == DType::kString ||
          reg_type(t.dtype) != reg_type(stage.result_dtypes[t.result]))
        return corrupt("a store of the wrong type");
      if (!(program.row_dims >= 0 && t.place == -1)) {
        TEMPER_TRY(place(t.place, t.dtype, true));
      } else if (t.dtype != DType::kF32 && t.dtype != DType::kI32) {
        return corrupt("a tile of the wrong type");
      }
      TEMPER_TRY(form(t.address));
    }
    return {};
  }

  Status monoid() const {
    const RegType x = reg_type(stage.code[stage.results[0]].dtype);
    for (DType t : stage.result_dtypes) {
      bool good = false;
      switch (stage.monoid) {
        case MonoidKind::k_sum:
        case MonoidKind::k_prod:
        case MonoidKind::k_max:
        case MonoidKind::k_min:
          good = reg_type(t) == x &&
                 (x != RegType::kBool || stage.monoid == MonoidKind::k_max || stage.monoid == MonoidKind::k_min);
          break;
        case MonoidKind::k_any:
        case MonoidKind::k_all:
          good = x == RegType::kBool && t == DType::kBool;
          break;
        case MonoidKind::k_welford:
        case MonoidKind::k_max_sum_exp:
          good = reg_type(t) == x && (x == RegType::kF32 || x == RegType::kF64);
          break;
        default:
          good = t == DType::kI64;
          break;
      }
      if (!good) return corrupt("a reduction of a type that it does not have");
    }
    return {};
  }
};

}  // namespace

RegType reg_type(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return RegType::kF64;
    case DType::kU32:
    case DType::kI64:
      return RegType::kI64;
    case DType::kU64:
      return RegType::kU64;
    case DType::kBool:
      return RegType::kBool;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kF8E4M3:
    case DType::kF8E5M2:
      return RegType::kF32;
    default:
      return RegType::kI32;
  }
}

DType wide_dtype(RegType type) {
  constexpr DType kTypes[kRegTypes] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU64, DType::kBool};
  return kTypes[static_cast<int>(type)];
}

void encode(const Program& p, ByteWriter& w) {
  write(w, p.buffers);
  w.i32(p.parameters);
  w.vector(p.shared);
  w.count(p.scratch.size());
  for (const ScratchValue& s : p.scratch) {
    w.enumerator(s.dtype);
    w.vector(s.extents);
  }
  w.count(p.stages.size());
  for (const StageCode& s : p.stages) write(w, s);
  w.i32(p.tile_elements);
  w.i32(p.block_elements);
  w.i32(p.row_dims);
}

Expected<Program> decode_program(ByteReader& r) {
  Program p;
  p.buffers = TEMPER_TRY(read_types(r));
  p.parameters = TEMPER_TRY(r.i32());
  p.shared = TEMPER_TRY(r.vector<int32_t>());
  p.scratch.resize(TEMPER_TRY(r.count(5)));
  for (ScratchValue& s : p.scratch) {
    s.dtype = TEMPER_TRY(r.enumerator<DType>(kDTypeCount));
    s.extents = TEMPER_TRY(r.vector<int32_t>());
  }
  p.stages.resize(TEMPER_TRY(r.count(20)));
  for (StageCode& s : p.stages) s = TEMPER_TRY(read_stage(r));
  p.tile_elements = TEMPER_TRY(r.i32());
  p.block_elements = TEMPER_TRY(r.i32());
  p.row_dims = TEMPER_TRY(r.i32());
  TEMPER_TRY(verify(p));
  return p;
}

bool stores_to(const Program& program, int32_t place) {
  for (const StageCode& stage : program.stages) {
    for (const Store& store : stage.stores) {
      if (store.place == place) return true;
    }
  }
  return false;
}

Status verify(const Program& p) {
  if (p.parameters < 0 || p.stages.empty()) return corrupt("nothing to do");
  for (DType t : p.buffers)
    if (t == DType::kString) return corrupt("a string tensor");
  if (p.row_dims < -1 || p.row_dims > static_cast<int32_t>(p.shared.size())) return corrupt("row dimensions that do not exist");
  if (p.shared.size() > kMaxDims) return corrupt("too many dimensions");
  for (int32_t e : p.shared)
    if (e < 0 || e >= p.parameters) return corrupt("an extent that does not exist");
  for (const ScratchValue& s : p.scratch) {
    if (s.dtype == DType::kString || wide_dtype(reg_type(s.dtype)) != s.dtype)
      return corrupt("a scratch value of a narrow type");
    for (int32_t e : s.extents)
      if (e < 0 || e >= p.parameters) return corrupt("an extent that does not exist");
  }
  if (p.tile_elements < 0 || p.tile_elements > 1024 || p.block_elements < 0) return corrupt("a tile that is too large");
  std::vector<bool> written(p.scratch.size(), false);
  for (const StageCode& s : p.stages) {
    if (p.row_dims >= 0 && (s.reduce || !s.own.empty())) return corrupt("a reduction in an epilogue");
    StageVerifier verifier{p, s, written};
    TEMPER_TRY(verifier.run());
    for (const Store& t : s.stores) {
      if (t.place >= static_cast<int32_t>(p.buffers.size())) written[t.place - p.buffers.size()] = true;
    }
  }
  return {};
}

}  // namespace temper::cpu::tile
