#include "kernel/cost.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace temper {
namespace {

class Counter {
 public:
  Counter(const Region& region, const std::function<int64_t(SymInt)>& at) : region_(region), at_(at) {}

  Cost run() {
    Cost cost;
    for (const Stage& stage : region_.stages) {
      cost.operations += std::visit([&](const auto& s) { return operations(s); }, stage);
      look(stage);
    }
    const auto types = region_.value_types();
    for (const auto& [value, touched] : touched_) {
      const double all = points(region_.inputs[value].dims);
      cost.read_bytes += std::min(all, touched.elements) * element_bytes(region_.inputs[value].dtype);
    }
    for (int v : region_.outputs) cost.written_bytes += points(types[v].dims) * element_bytes(types[v].dtype);
    return cost;
  }

 private:
  struct Touched {
    double elements = 0;
    std::vector<std::string> maps;  // that were counted: who reads the same elements again adds nothing
  };

  static double element_bytes(DType dtype) { return dtype_bits(dtype) / 8.0; }
  double points(const Dims& dims) const {
    double n = 1;
    for (SymInt d : dims) n *= static_cast<double>(at_(d));
    return n;
  }
  static double functions(const ScalarBody& body) {
    return static_cast<double>(std::count_if(body.code().begin(), body.code().end(),
                                             [](const ScalarInstruction& i) { return static_cast<int>(i.op) < kScalarRows; }));
  }

  double operations(const Map& s) const { return points(s.domain) * functions(*s.body); }
  double operations(const Reduce& s) const {
    return points(s.domain) * (functions(*s.body) + static_cast<double>(s.dtypes.size()));
  }
  double operations(const Contract& s) const { return 2 * points(s.domain); }
  double operations(const Scan& s) const { return points(s.domain); }
  double operations(const Sort& s) const {
    return points(s.domain) * std::log2(std::max(2.0, static_cast<double>(at_(s.domain[static_cast<size_t>(s.axis)]))));
  }
  double operations(const Scatter& s) const { return s.combine ? points(s.update.map.domain) : 0; }
  double operations(const Compact&) const { return 0; }
  double operations(const Opaque&) const { return 0; }

  // The elements that a map can reach: one for each setting of the variables that it depends on.
  void look(int value, const IndexMap& map, bool gathers) {
    if (value >= static_cast<int>(region_.inputs.size())) return;
    Touched& touched = touched_[value];
    std::string text = map.to_string();
    if (std::find(touched.maps.begin(), touched.maps.end(), text) != touched.maps.end()) return;
    touched.maps.push_back(std::move(text));
    double reached = 1;
    if (gathers) {
      reached = points(map.domain);
    } else {
      std::vector<bool> used(map.domain.size());
      for (SymInt r : map.results) {
        for (SymInt v : vars_of(r)) {
          const SymVar& var = var_of(v);
          if (var.kind == VarKind::kIndex) used[static_cast<size_t>(var.ordinal)] = true;
        }
      }
      for (size_t d = 0; d < used.size(); ++d) reached *= used[d] ? static_cast<double>(at_(map.domain[d])) : 1;
    }
    touched.elements += reached;
  }
  void look(const Stage& stage) {
    const auto accesses = accesses_of(stage);
    const bool scatters = std::holds_alternative<Scatter>(stage);
    for (size_t k = 0; k < accesses.size(); ++k) {
      const Access& access = *accesses[k];
      const bool target = scatters && k == 2;  // written, not read
      if (!target) look(access.value, access.map, !access.loads.empty());
      for (const Access::Load& load : access.loads) look(load.value, load.map, false);
    }
    if (const auto* opaque = std::get_if<Opaque>(&stage)) {
      for (int v : opaque->operands) {
        if (v < static_cast<int>(region_.inputs.size())) touched_[v].elements = points(region_.inputs[v].dims);
      }
    }
  }

  const Region& region_;
  const std::function<int64_t(SymInt)>& at_;
  std::map<int, Touched> touched_;
};

}  // namespace

Cost cost_of(const Region& region, const std::function<int64_t(SymInt)>& at) { return Counter(region, at).run(); }

}  // namespace temper
