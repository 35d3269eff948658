#include "backend/cpu/run/tile/plan.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "backend/cpu/run/tile/reduce.h"

namespace temper::cpu::tile {
namespace {

constexpr int64_t kMaxExtent = int64_t{1} << 40;
constexpr int64_t kMaxAddress = int64_t{1} << 61;

Error refuse(const std::string& what) { return Error(ErrorCode::kInvalidArgument, "tile kernel: " + what); }

int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }
int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

// All numbers of one problem, checked; then the grid and the plans of the stages.
class Planner {
 public:
  Planner(const Program& program, std::span<const int64_t> parameters, std::span<const int64_t> buffer_bytes)
      : program_(program), parameters_(parameters), buffer_bytes_(buffer_bytes) {}

  Expected<std::vector<int64_t>> check() {
    TEMPER_TRY(check_sizes());
    for (const StageCode& s : program_.stages) TEMPER_TRY(check_stage(s));
    return places_;
  }

  Expected<KernelPlan> plan() {
    TEMPER_TRY(check());
    cut();
    place_scratch();
    build();
    return std::move(plan_);
  }

 private:
  int64_t number(int32_t p) const { return parameter_value(parameters_, p); }

  Status check_sizes() {
    if (static_cast<int32_t>(parameters_.size()) != program_.parameters || buffer_bytes_.size() != program_.buffers.size()) {
      return refuse("prepared with the wrong number of parameters or buffers");
    }
    for (int32_t e : program_.shared) shared_.push_back(number(e));
    for (const StageCode& s : program_.stages) {
      int64_t points = 1, own = 1;
      auto take = [&](int64_t e, int64_t& product) {
        if (e < 0 || e > kMaxExtent) return false;
        return !__builtin_mul_overflow(product, std::max<int64_t>(e, 1), &product) && product <= kMaxAddress;
      };
      for (int64_t e : shared_)
        if (!take(e, points)) return refuse("an extent of " + std::to_string(e) + " is out of range");
      for (int32_t e : s.own) {
        if (!take(number(e), points) || !take(number(e), own))
          return refuse("an extent of " + std::to_string(number(e)) + " is out of range");
      }
      own_elements_ = std::max(own_elements_, own);
      points_ = std::max(points_, points);
    }
    for (size_t b = 0; b < buffer_bytes_.size(); ++b) {
      if (buffer_bytes_[b] < 0) return refuse("a buffer of negative size");
      places_.push_back(element_limit(program_.buffers[b], buffer_bytes_[b]));
    }
    for (const ScratchValue& v : program_.scratch) {
      int64_t own = 1;
      for (int32_t e : v.extents) {
        if (number(e) < 0 || number(e) > kMaxExtent || __builtin_mul_overflow(own, number(e), &own) || own > kMaxAddress)
          return refuse("a scratch value that is too large");
      }
      scratch_own_.push_back(own);
    }
    return {};
  }

  bool is_scratch(int32_t place) const { return place >= static_cast<int32_t>(program_.buffers.size()); }

  int64_t extent(const StageCode& s, size_t dim) const {
    return dim < shared_.size() ? shared_[dim] : number(s.own[dim - shared_.size()]);
  }

  // No form may overflow; what is not guarded or indexed must stay inside its place.
  Status check_stage(const StageCode& s) const {
    bool runs = true;
    for (size_t d = 0; d < shared_.size() + s.own.size(); ++d) runs = runs && extent(s, d) > 0;
    if (!runs) return {};
    auto range = [&](const Form& f, __int128& lo, __int128& hi) {
      lo = hi = number(f.constant);
      bool good = magnitude(number(f.constant)) <= kMaxAddress;
      for (size_t d = 0; d < f.coefficients.size(); ++d) {
        const __int128 reach = static_cast<__int128>(number(f.coefficients[d])) * (extent(s, d) - 1);
        (reach < 0 ? lo : hi) += reach;
      }
      return good && lo >= -static_cast<__int128>(kMaxAddress) && hi <= static_cast<__int128>(kMaxAddress);
    };
    __int128 lo = 0, hi = 0;
    for (const Form& f : s.forms)
      if (!range(f, lo, hi)) return refuse("an index expression overflows");
    auto place = [&](const Form& address, int32_t at, bool checked_later) -> Status {
      if (!range(address, lo, hi)) return refuse("an address overflows");
      if (at < 0 || checked_later) return {};
      if (is_scratch(at)) {
        for (size_t d = 0; d < shared_.size(); ++d) {
          if (address.coefficients[d] != kZeroParameter) return refuse("a scratch address counts a shared dimension");
        }
      }
      const int64_t limit =
          is_scratch(at) ? scratch_own_[static_cast<size_t>(at) - places_.size()] : places_[static_cast<size_t>(at)];
      if (lo < 0 || hi >= limit) {
        return refuse("elements " + std::to_string(static_cast<int64_t>(lo)) + " to " +
                      std::to_string(static_cast<int64_t>(hi)) + " of a buffer that holds " + std::to_string(limit) +
                      " would be touched");
      }
      return {};
    };
    for (const Access& a : s.accesses) {
      for (const Form& g : a.guards)
        if (!range(g, lo, hi)) return refuse("a guard overflows");
      TEMPER_TRY(place(a.address, a.place, !a.guards.empty() || a.index >= 0 || a.guard >= 0));
      if (is_scratch(a.place)) {
        for (size_t d = 0; d < shared_.size(); ++d) {
          if (a.address.coefficients[d] != kZeroParameter) return refuse("a scratch address counts a shared dimension");
        }
      }
    }
    for (const Store& t : s.stores) {
      TEMPER_TRY(place(t.address, t.place, false));
      for (size_t d = shared_.size() + s.own.size() - static_cast<size_t>(s.reduced); d < shared_.size() + s.own.size(); ++d) {
        if (number(t.address.coefficients[d]) != 0) return refuse("a result is stored along a reduced dimension");
      }
    }
    return {};
  }

  // --- the grid ----------------------------------------------------------------------------------------------------
  const Form* leading_store() const {
    for (size_t s = program_.stages.size(); s-- > 0;) {
      for (const Store& t : program_.stages[s].stores)
        if (!is_scratch(t.place)) return &t.address;
    }
    return nullptr;
  }
  const Form* leading_access() const {
    for (const Access& a : program_.stages.front().accesses)
      if (!is_scratch(a.place)) return &a.address;
    return nullptr;
  }
  int64_t stride(const Form* f, int dim) const {
    return f == nullptr ? 0 : magnitude(number(f->coefficients[static_cast<size_t>(dim)]));
  }

  void cut() {
    const Form* store = leading_store();
    const Form* access = leading_access();
    order_.resize(shared_.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) {
      // A dimension of extent 1 has no place of its own: outermost, where it is in nobody's way.
      const bool single_a = shared_[static_cast<size_t>(a)] == 1, single_b = shared_[static_cast<size_t>(b)] == 1;
      if (single_a || single_b) return single_a && !single_b;
      const int64_t sa = stride(store, a), sb = stride(store, b);
      if (sa != sb && sa != 0 && sb != 0) return sa > sb;
      return stride(access, a) > stride(access, b);
    });
    // Transposition: memory is walked along one dimension by what is read and along another by what is written. A block takes
    // the shorter one whole, or a good piece of the outer one.
    int64_t least_outer = 1;
    if (order_.size() > 1 && stride(access, order_.back()) > 1) {
      const auto dense = std::find_if(order_.begin(), order_.end(),
                                      [&](int d) { return stride(access, d) == 1 && shared_[static_cast<size_t>(d)] > 1; });
      if (dense != order_.end()) {
        least_outer = 32;
        const int64_t length = shared_[static_cast<size_t>(*dense)];
        if (length <= 512 && length < shared_[static_cast<size_t>(order_.back())]) std::rotate(dense, dense + 1, order_.end());
      }
    }
    int64_t target = program_.block_elements;
    if (target == 0) {
      target = std::clamp<int64_t>(points_ / 32, 8192, program_.scratch.empty() ? 65536 : 16384);
    }
    // Vectors run along the innermost shared dimension where nothing else is dense: then a block takes at least a few cache
    // lines of it.
    int64_t least = 1;
    if (!order_.empty()) {
      const int inner = order_.back();
      const bool dense = stride(access, inner) == 1;
      shared_inner_ = dense && !program_.scratch.empty();
      if (dense) least = 64;
    }
    split_ = static_cast<int>(order_.size());
    int64_t points = 1;
    while (split_ > 0) {
      const int64_t e = shared_[static_cast<size_t>(order_[static_cast<size_t>(split_) - 1])];
      if (points * std::max<int64_t>(e, 1) * own_elements_ > target && points >= least) break;
      --split_;
      points *= std::max<int64_t>(e, 1);
      if (points * own_elements_ > target) break;
    }
    // Now `points` are whole dimensions; they may be too many, then the outermost of them is cut, or one more is cut to fill
    // the block.
    block_ = 1;
    if (!order_.empty()) {
      if (points * own_elements_ > target && split_ < static_cast<int>(order_.size())) {
        const int64_t e = std::max<int64_t>(1, shared_[static_cast<size_t>(order_[static_cast<size_t>(split_)])]);
        const int64_t inner = points / e;
        block_ =
            cut_of(e, std::max((target + own_elements_ * inner - 1) / (own_elements_ * inner), (least + inner - 1) / inner));
      } else if (split_ > 0) {
        --split_;
        const int64_t e = shared_[static_cast<size_t>(order_[static_cast<size_t>(split_)])];
        block_ = cut_of(e, std::max<int64_t>(1, target / std::max<int64_t>(1, points * own_elements_)));
      } else {
        block_ = std::max<int64_t>(1, shared_[static_cast<size_t>(order_[0])]);
      }
    }
    if (!order_.empty()) {
      const int64_t e = std::max<int64_t>(1, shared_[static_cast<size_t>(order_[static_cast<size_t>(split_)])]);
      if (block_ < least_outer) block_ = cut_of(e, least_outer);
    }
    bool runs = true;
    for (int64_t e : shared_) runs = runs && e > 0;
    for (int k = 0; k < split_; ++k) plan_.grid.push_back(shared_[static_cast<size_t>(order_[static_cast<size_t>(k)])]);
    if (!order_.empty()) {
      const int64_t e = shared_[static_cast<size_t>(order_[static_cast<size_t>(split_)])];
      plan_.grid.push_back((e + block_ - 1) / block_);
      tail_ = e % block_;
    }
    plan_.has_tail = tail_ != 0;
    plan_.tasks = runs ? 1 : 0;
    for (int64_t g : plan_.grid) plan_.tasks *= g;
    for (const StageCode& s : program_.stages) {
      for (const Store& t : s.stores) plan_.serial = plan_.serial || dtype_bits(t.dtype) < 8;
    }
  }

  // A block of a dimension: about `wanted`, and the blocks about equal; multiples of 16 where they are large.
  static int64_t cut_of(int64_t extent, int64_t wanted) {
    if (wanted >= extent) return std::max<int64_t>(extent, 1);
    wanted = std::max<int64_t>(wanted, 1);
    const int64_t parts = (extent + wanted - 1) / wanted;
    const int64_t part = (extent + parts - 1) / parts;
    return part >= 64 ? std::min(extent, round_up(part, 16)) : part;
  }

  void place_scratch() {
    block_points_ = order_.empty() ? 1 : block_;
    for (size_t k = static_cast<size_t>(split_) + 1; k < order_.size(); ++k)
      block_points_ *= std::max<int64_t>(1, shared_[static_cast<size_t>(order_[k])]);
    for (size_t v = 0; v < program_.scratch.size(); ++v) {
      plan_.scratch_offset.push_back(plan_.scratch_bytes);
      const int64_t elements = block_points_ * scratch_own_[v];
      places_.push_back(elements);
      plan_.scratch_bytes += round_up(elements * reg_bytes(reg_type(program_.scratch[v].dtype)), 64) + 64;
    }
  }

  // What one step of a shared dimension adds to the address of scratch value v, inside a block.
  int64_t scratch_step(size_t v, size_t position) const {
    int64_t step = shared_inner_ ? 1 : scratch_own_[v];
    for (size_t k = position + 1; k < order_.size(); ++k) step *= std::max<int64_t>(1, shared_[static_cast<size_t>(order_[k])]);
    return step;
  }

  StagePlan stage(const StageCode& s, bool tail) const {
    const std::vector<const Form*> forms = forms_of(s);
    std::vector<int> scratch(forms.size(), -1);
    for (size_t a = 0; a < s.accesses.size(); ++a) {
      if (is_scratch(s.accesses[a].place))
        scratch[s.forms.size() + a] = s.accesses[a].place - static_cast<int>(program_.buffers.size());
    }
    for (size_t t = 0; t < s.stores.size(); ++t) {
      if (is_scratch(s.stores[t].place))
        scratch[forms.size() - s.stores.size() + t] = s.stores[t].place - static_cast<int>(program_.buffers.size());
    }
    StageInput in;
    in.program = &program_;
    in.stage = &s;
    in.parameters = parameters_;
    in.places = places_;
    for (size_t f = 0; f < forms.size(); ++f) {
      in.start.push_back(number(forms[f]->constant) * (scratch[f] >= 0 && shared_inner_ ? block_points_ : 1));
    }
    for (size_t p = static_cast<size_t>(split_); p < order_.size(); ++p) {
      LocalDim d;
      const size_t dim = static_cast<size_t>(order_[p]);
      d.extent = p != static_cast<size_t>(split_) ? shared_[dim] : tail ? tail_ : std::min(block_, shared_[dim]);
      for (size_t f = 0; f < forms.size(); ++f) {
        d.step.push_back(scratch[f] >= 0 ? scratch_step(static_cast<size_t>(scratch[f]), p)
                                         : number(forms[f]->coefficients[dim]));
      }
      in.dims.push_back(std::move(d));
    }
    for (size_t o = 0; o < s.own.size(); ++o) {
      LocalDim d;
      d.extent = number(s.own[o]);
      d.reduced = o + static_cast<size_t>(s.reduced) >= s.own.size();
      for (size_t f = 0; f < forms.size(); ++f) {
        d.step.push_back(number(forms[f]->coefficients[shared_.size() + o]) *
                         (scratch[f] >= 0 && shared_inner_ ? block_points_ : 1));
      }
      in.dims.push_back(std::move(d));
    }
    StagePlan plan = plan_stage(std::move(in));
    for (size_t p = 0; p < order_.size() && p <= static_cast<size_t>(split_); ++p) {
      std::vector<int64_t> step;
      const size_t dim = static_cast<size_t>(order_[p]);
      for (size_t f = 0; f < forms.size(); ++f) {
        step.push_back(scratch[f] >= 0 ? 0
                                       : number(forms[f]->coefficients[dim]) * (p == static_cast<size_t>(split_) ? block_ : 1));
      }
      step.resize(plan.start.size(), 0);
      plan.grid.push_back(std::move(step));
    }
    return plan;
  }

  void build() {
    for (const StageCode& s : program_.stages) {
      plan_.full.push_back(stage(s, false));
      if (plan_.has_tail) plan_.tail.push_back(stage(s, true));
    }
    int64_t registers = 0;
    for (const auto* plans : {&plan_.full, &plan_.tail}) {
      for (const StagePlan& p : *plans) {
        registers = std::max(registers, p.register_bytes);
        if (plans == &plan_.full) plan_.cost_ns += p.cost_ns * static_cast<double>(plan_.tasks);
      }
    }
    plan_.state_offset = plan_.scratch_bytes;
    plan_.scratch_bytes += kStateArrays * kRegisterBytes;
    plan_.register_offset = plan_.scratch_bytes;
    // Behind the registers, one tile for raw elements.
    plan_.scratch_bytes += round_up(registers, 64) + kRegisterBytes + 64;
  }

  const Program& program_;
  std::span<const int64_t> parameters_, buffer_bytes_;
  KernelPlan plan_;
  std::vector<int64_t> shared_, places_, scratch_own_;
  int64_t own_elements_ = 1, points_ = 1;
  std::vector<int> order_;
  int split_ = 0;
  int64_t block_ = 1, tail_ = 0, block_points_ = 1;
  bool shared_inner_ = false;
};

}  // namespace

std::vector<const Form*> forms_of(const StageCode& stage) {
  std::vector<const Form*> forms;
  for (const Form& f : stage.forms) forms.push_back(&f);
  for (const Access& a : stage.accesses) forms.push_back(&a.address);
  for (const Access& a : stage.accesses) {
    for (const Form& g : a.guards) forms.push_back(&g);
  }
  for (const Store& t : stage.stores) forms.push_back(&t.address);
  return forms;
}

int element_size(DType dtype) { return dtype_bits(dtype) / 8; }

int64_t element_limit(DType dtype, int64_t bytes) {
  const int bits = dtype_bits(dtype);
  return bits >= 8 ? bytes / (bits / 8) : bytes > (INT64_MAX >> 4) ? INT64_MAX >> 3 : bytes * (8 / bits);
}

Expected<std::vector<int64_t>> check_numbers(const Program& program, std::span<const int64_t> parameters,
                                             std::span<const int64_t> buffer_bytes) {
  return Planner(program, parameters, buffer_bytes).check();
}

Expected<KernelPlan> make_plan(const Program& program, std::span<const int64_t> parameters,
                               std::span<const int64_t> buffer_bytes) {
  return Planner(program, parameters, buffer_bytes).plan();
}

}  // namespace temper::cpu::tile
