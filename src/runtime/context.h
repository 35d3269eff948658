// Context: one execution of an engine at a time: shapes, addresses, activations.
//
// Setting shapes runs the shape program and plans the memory; after that run() walks the steps. For a plan in which no size
// depends on data, run() allocates nothing once a shape has been prepared. Addresses that kernels can't reach (memory of the
// host, for a GPU) are copied from before the first step, and to after the last. Not thread-safe; many contexts may share an
// engine.
//
//   Context context(engine);
//   TEMPER_TRY(context.set_input_shape(0, {1, 3, 224, 224}));
//   context.set_address(Context::kInput, 0, image);  context.set_address(Context::kOutput, 0, scores);
//   TEMPER_TRY(context.run(lease));
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "runtime/engine.h"

namespace temper {

// Grow-only memory of a queue, aligned to 64 bytes; contents are lost when it grows. The queue outlives it.
class GrowingBuffer {
 public:
  GrowingBuffer() = default;
  GrowingBuffer(GrowingBuffer&& other) noexcept
      : queue_(other.queue_), data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  GrowingBuffer& operator=(GrowingBuffer&&) = delete;
  ~GrowingBuffer() { clear(); }
  std::byte* reserve(Queue& queue, int64_t bytes);
  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void clear();
  Queue* queue_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

class Context {
 public:
  enum Direction { kInput, kOutput };

  explicit Context(std::shared_ptr<const Engine> engine);

  const Engine& engine() const { return *engine_; }
  Status set_input_shape(int input, std::span<const int64_t> dims);
  Status set_input_shape(int input, std::initializer_list<int64_t> dims) {
    return set_input_shape(input, std::span(dims.begin(), dims.size()));
  }
  const std::vector<int64_t>& input_shape(int input) const { return input_dims_[input]; }
  void set_address(Direction direction, int index, void* data);
  void* address(Direction direction, int index) const;
  // Asked for the address of an output when its size has become known (before, for sizes that follow from the inputs' shapes);
  // null: out of memory. Without one the address set is used.
  using OutputAllocator = std::function<void*(int output, int64_t bytes)>;
  void set_output_allocator(int output, OutputAllocator allocator) { allocators_[output] = std::move(allocator); }

  // Computes what follows from the inputs' shapes, without memory or kernels: output_shape() is known after it.
  Status resolve_shapes();
  // Runs what the shapes decide. run() does it when needed.
  Status prepare(int workers);
  Status run(Executor& executor);
  // Dims of an output: after resolve_shapes() where they follow from the inputs' shapes, else after run(); -1 for a dim not
  // known yet.
  int64_t output_extent(int output, int dim) const;
  std::vector<int64_t> output_shape(int output) const;
  int64_t activation_bytes() const { return arena_.bytes() + workspace_.bytes(); }
  int64_t workspace_bytes() const { return workspace_.bytes(); }  // scratch of the kernels

  // Called with the time of each step of every run, in nanoseconds, when set.
  std::function<void(int step, int64_t nanoseconds)> on_step;
  // Asked before each step when set; true ends the run with kCancelled.
  std::function<bool()> interrupted;

 private:
  Status open_queue();
  Status bind_shapes();
  Status run_segment(int segment);
  Status size_buffers(int segment);
  Status prepare_launches(int segment);
  Status run_steps(Executor& executor);
  Status run_range(int begin, int end, Executor& executor);
  Status run_loop(const plan::StepT& step, Executor& executor);
  Status take_inputs();
  Status take_outputs(int segment);
  Status give_outputs();
  // What kernels use for a buffer that the caller has bound: its address, or memory that stands for it.
  Status attach(int buffer, const std::string& name);
  Status check_binding(const plan::BindingT& binding) const;
  Expected<std::byte*> room(int buffer, int64_t bytes) const;
  Expected<bool> truth(int buffer);
  Status copy(const std::vector<int>& to, const std::vector<int>& from);

  std::shared_ptr<const Engine> engine_;
  std::vector<std::vector<int64_t>> input_dims_;
  std::vector<OutputAllocator> allocators_;
  std::vector<int64_t> slots_;
  std::vector<char> segment_done_;
  std::vector<int64_t> scratch_;          // for shape programs
  std::unique_ptr<Queue> queue_;          // before all memory of it
  std::vector<std::byte*> bound_;         // by buffer: what the caller has set, for inputs and outputs
  std::vector<std::byte*> addresses_;     // by buffer: what kernels use
  std::vector<int64_t> bytes_;            // by buffer: how many it has, since its segment ran
  std::vector<GrowingBuffer> unbounded_;  // by buffer: those whose size depends on data, and those that stand for bound ones
  std::vector<std::unique_ptr<Launch>> launches_;   // by step
  std::vector<std::vector<std::byte*>> arguments_;  // by step
  GrowingBuffer arena_, workspace_;
  int workers_ = 0;
  bool resolved_ = false;  // slots of segment 0 are those of input_dims_
  bool ready_ = false;     // and so are buffers and launches
  // A recording is made when a run has the addresses of the one before: a caller who rotates many gets them walked.
  bool recordable_ = false;                 // only launches, on a queue that records
  bool recorded_ = false;                   // for the addresses that follow
  std::vector<std::byte*> last_addresses_;  // of the last run at these shapes
};

}  // namespace temper
