#include "plan/plan.h"

#include "plan/container.h"

namespace temper {

Status write_plan(std::span<const plan::PlanT* const> plans, const std::string& graph_text, std::vector<WeightPiece> weights,
                  ByteSink& sink) {
  PlanWriter writer(sink);
  for (const plan::PlanT* plan : plans) {
    flatbuffers::FlatBufferBuilder meta;
    meta.Finish(plan::Plan::Pack(meta, plan));
    TEMPER_TRY(writer.begin(SectionKind::kMeta, plan == plans.front() ? std::string() : plan->targets.at(0)));
    TEMPER_TRY(writer.write(std::as_bytes(std::span(meta.GetBufferPointer(), meta.GetSize()))));
  }
  TEMPER_TRY(writer.begin(SectionKind::kGraph));
  TEMPER_TRY(writer.write(graph_text));
  TEMPER_TRY(writer.begin(SectionKind::kWeights));
  static constexpr std::byte kZeros[4096] = {};
  for (WeightPiece& piece : weights) {
    while (writer.position() < piece.offset) {
      TEMPER_TRY(writer.write(std::span(kZeros).first(std::min<uint64_t>(sizeof(kZeros), piece.offset - writer.position()))));
    }
    TEMPER_TRY(writer.write(piece.bytes));
    piece.owner.reset();
  }
  return writer.finish();
}

namespace {

// The verifier looks at the alignment of scalars and of the lengths of vectors, not at that of their elements.
bool is_aligned(const plan::Plan& plan) {
  const auto longs = [](const flatbuffers::Vector<int64_t>* v) {
    return !v || reinterpret_cast<uintptr_t>(v->Data()) % sizeof(int64_t) == 0;
  };
  if (plan.segments()) {
    for (const plan::Segment* s : *plan.segments())
      if (!longs(s->constants())) return false;
  }
  if (plan.steps()) {
    for (const plan::Step* s : *plan.steps()) {
      const plan::PluginInfo* p = s->plugin();
      if (p && (!longs(p->least()) || !longs(p->best()) || !longs(p->largest()))) return false;
    }
  }
  for (const auto* bindings : {plan.inputs(), plan.outputs()}) {
    if (!bindings) continue;
    for (const plan::Binding* b : *bindings)
      if (!longs(b->least()) || !longs(b->best()) || !longs(b->largest())) return false;
  }
  return true;
}

Expected<std::shared_ptr<plan::PlanT>> read_meta(std::span<const std::byte> meta) {
  auto data = reinterpret_cast<const uint8_t*>(meta.data());
  // A table takes at least 8 bytes, with the offset that leads to it: where there are more, some are shared to swell when they
  // are unpacked.
  flatbuffers::Verifier verifier(data, meta.size(), /*max depth*/ 64, static_cast<flatbuffers::uoffset_t>(meta.size() / 8));
  if (!verifier.VerifyBuffer<plan::Plan>(nullptr) || !is_aligned(*flatbuffers::GetRoot<plan::Plan>(data))) {
    return Error(ErrorCode::kCorrupt, "the plan's metadata is not what it claims to be; build the plan again");
  }
  return std::shared_ptr<plan::PlanT>(flatbuffers::GetRoot<plan::Plan>(data)->UnPack());
}

}  // namespace

Expected<PlanParts> read_plan(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                              const TargetChooser& choose) {
  PlanReader reader = TEMPER_TRY(PlanReader::open(bytes));
  PlanParts parts;
  parts.plan = TEMPER_TRY(read_meta(TEMPER_TRY(reader.require(SectionKind::kMeta))));
  if (choose) {
    if (parts.plan->targets.empty()) return Error(ErrorCode::kCorrupt, "the plan is for no target; build it again");
    std::vector<std::string> targets{parts.plan->targets[0]};
    for (const PlanSection& section : reader.sections()) {
      if (section.kind == SectionKind::kMeta && !section.name.empty()) targets.push_back(section.name);
    }
    const size_t chosen = TEMPER_TRY(choose(targets));
    if (chosen > 0) parts.plan = TEMPER_TRY(read_meta(TEMPER_TRY(reader.require(SectionKind::kMeta, targets[chosen]))));
  }
  auto text = TEMPER_TRY(reader.require(SectionKind::kGraph));
  parts.graph_text.assign(reinterpret_cast<const char*>(text.data()), text.size());
  parts.weights = TEMPER_TRY(reader.require(SectionKind::kWeights));
  parts.owner = std::move(owner);
  TEMPER_TRY(verify(*parts.plan, parts.weights.size()));
  return parts;
}

ShapeProgram to_program(const plan::SegmentT& segment) {
  ShapeProgram program;
  for (int slot : segment.inputs) program.inputs.push_back("s" + std::to_string(slot));
  for (size_t i = 0; i < segment.ops.size(); ++i) {
    program.code.push_back({static_cast<ShapeOp>(segment.ops[i]), segment.a[i], segment.b[i], segment.constants[i]});
  }
  program.results = segment.values;
  return program;
}

void set_program(plan::SegmentT& segment, const ShapeProgram& program) {
  for (const ShapeInstruction& in : program.code) {
    segment.ops.push_back(static_cast<uint8_t>(in.op));
    segment.a.push_back(in.a);
    segment.b.push_back(in.b);
    segment.constants.push_back(in.constant);
  }
  segment.values = program.results;
}

}  // namespace temper
