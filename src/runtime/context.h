// Context: one execution of an engine at a time: shapes, addresses, activations.
//
// Setting shapes runs the shape program and plans the memory; after that run() walks the steps, and enqueue() gives them to a
// stream of the caller's and waits only where the network's data demand it. For a plan in which no size depends on data,
// neither allocates anything once a shape has been prepared and run. Addresses that kernels can't reach (memory of the host,
// for a GPU) are copied from before the first step, and to after the last. Not thread-safe; many contexts may share an engine.
//
//   Context context(engine);
//   TEMPER_TRY(context.set_input_shape(0, {1, 3, 224, 224}));
//   context.set_address(Context::kInput, 0, image);  context.set_address(Context::kOutput, 0, scores);
//   TEMPER_TRY(context.run(lease));
//
// Note [Recorded parts]
// On a queue that records, each sequence of launches, and of loops of launches, that follows from the inputs' shapes alone is
// recorded at its first run,
// and replayed from then on; launches whose addresses have changed since are given the new ones. What follows from shapes is
// kept for the shapes that were used last (Shaped), bounded in number and in recorded kernels; while more shapes come by turns
// than are kept, one is walked when it comes and recorded when it comes again before it is dropped. On a stream that the caller
// captures, and when steps are timed, everything is walked.
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
  // `kept`: takes what was there before, for whoever still uses it.
  std::byte* reserve(Queue& queue, int64_t bytes, std::vector<GrowingBuffer>* kept = nullptr);
  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void clear();
  Queue* queue_ = nullptr;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// A sequence of launches that can be replayed: steps [begin, end) of the plan.
struct RecordedPart {
  int begin = 0, end = 0;
  std::unique_ptr<Recording> recording;  // null: not yet, or `refused`
  bool refused = false;
  std::vector<std::byte*> arguments;  // that it holds, of all launches one after another
  // Of a library's launches the addresses can't be changed: such a part is recorded when a run has those of the one before.
  bool fixed = false, moved = false;
  std::byte* workspace = nullptr;
  std::vector<std::byte*> addresses;  // by buffer, when it was given them
};

// What follows from the inputs' shapes.
struct Shaped {
  std::vector<std::vector<int64_t>> dims;  // of the inputs
  std::vector<int64_t> slots;
  std::vector<char> segment_done;
  std::vector<std::byte*> addresses;             // by buffer: what kernels use
  std::vector<int64_t> bytes;                    // by buffer: how many it has, since its segment ran
  std::vector<std::pair<int, int64_t>> planned;  // buffers in the arena, and where
  int64_t arena_bytes = 0, workspace_bytes = 0;
  std::vector<std::unique_ptr<Launch>> launches;   // by step
  std::vector<std::vector<std::byte*>> arguments;  // by step: what its launch was given last
  std::byte* workspace = nullptr;
  std::vector<RecordedPart> parts;  // after `launches`: they go first
  int64_t last_use = 0;
  bool prepared = false;  // buffers and launches are those of `dims`
  bool record = false;    // what runs
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
  // The same on a stream of the caller's, in its order, without waiting for it; what goes wrong on the device is an error of a
  // later call. On a stream that is being captured the steps are recorded into the caller's capture: the shape must have been
  // run before, and the addresses are those of now. Inputs in memory that kernels can't reach are read before it returns.
  Status enqueue(void* stream, Executor& executor);
  // Whether enqueue() works: the engine's device has streams that others make.
  bool has_streams() const { return engine_->backend().has_streams(); }
  // Activations and workspace go here from now on: `bytes` of memory that kernels reach, in place of memory of the context's
  // own. Null: back to that. See memory_needed().
  void set_memory(void* memory, int64_t bytes);
  // What set_memory() must give for the shapes that are set.
  Expected<int64_t> memory_needed(int workers);
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
  void find_parts();
  bool keeps_bound_addresses(int step) const;
  Status bind_shapes();
  Status run_segment(int segment);
  Status size_buffers(int segment);
  Status plan_shape(int workers);
  Status place_memory();
  Status place_workspace();
  Status prepare_launches(int segment);
  Status go(Executor& executor);
  Status run_range(int begin, int end, Executor& executor);
  Status run_launch(int step, Executor& executor);
  Status run_loop(int step, Executor& executor);
  Status attach_plugins();
  Status run_plugin(int step);
  Status set_plugin_shapes(int step);
  class LoopAddresses;
  void find_moving_loops();
  bool fits_moving(const plan::LoopInfoT& loop, int64_t trip) const;
  Status run_moving(const plan::StepT& step, int64_t trip, Executor& executor);
  Expected<const std::byte*> numbers(int64_t count);
  Status run_part(RecordedPart& part, Executor& executor);
  Status record(RecordedPart& part, Executor& executor);
  // Going through steps: to do them, to note them in a recording, to give the recording's launches their addresses of now.
  enum class Mode { kWalk, kRecord, kRebind };
  Status go_through(RecordedPart& part, Mode mode, Executor& executor);
  Status rebind(std::span<std::byte* const> arguments);
  // Puts away what followed from the shapes before, and takes what is known of those that are set now.
  void change_shape();
  Shaped fresh_shape() const;
  Status take_inputs();
  Status take_outputs(int segment);
  Status give_outputs(bool wait);
  // What kernels use for a buffer that the caller has bound: its address, or memory that stands for it.
  Status attach(int buffer, const std::string& name);
  Status check_binding(const plan::BindingT& binding) const;
  Expected<std::byte*> room(int buffer, int64_t bytes) const;
  Expected<bool> truth(int buffer);
  Status read_size(const plan::StepT& step);
  Status copy(const std::vector<int>& to, const std::vector<int>& from);
  std::byte* grow(GrowingBuffer& buffer, int64_t bytes);

  std::shared_ptr<const Engine> engine_;
  std::vector<std::vector<int64_t>> input_dims_;
  std::vector<OutputAllocator> allocators_;
  std::vector<int64_t> scratch_;          // for shape programs
  std::unique_ptr<Queue> queue_;          // before all memory of it
  std::vector<std::byte*> bound_;         // by buffer: what the caller has set, for inputs and outputs
  std::vector<std::byte*> checked_;       // by buffer: the address of which is known whether kernels reach it
  std::vector<char> reached_;             // by buffer: that
  std::vector<GrowingBuffer> unbounded_;  // by buffer: those whose size depends on data, and those that stand for bound ones
  std::vector<GrowingBuffer> kept_;       // of which captures of the caller's may know
  GrowingBuffer arena_, workspace_;
  std::byte* given_ = nullptr;  // in place of arena_ and workspace_
  int64_t given_bytes_ = 0;
  static constexpr size_t kNumberStride = 8;       // of 8 bytes each
  GrowingBuffer numbers_;                          // of iterations
  int64_t numbered_ = 0;                           // how many
  std::vector<char> moves_;                        // by step: Note [Loops without copies]
  std::vector<std::pair<int, std::byte*>> moved_;  // the stack of buffers of loops that run, and their addresses
  std::vector<std::pair<int, int>> part_ranges_;
  std::vector<int> part_at_;  // by step: the part that begins there, or -1
  struct AttachedPlugin {
    std::unique_ptr<PluginRun> run;
    std::vector<int64_t> extents;  // that it was told last: of its tensors, one after another
    std::vector<PluginTensor> tensors;
    std::vector<std::byte*> arguments;
    bool told = false;
  };
  std::vector<AttachedPlugin> plugins_;  // by step
  Queue::Stream stream_;                 // of the caller's, in this run
  Shaped now_;
  std::vector<Shaped> others_;  // shapes that were used before
  int64_t uses_ = 0;
  RecordedPart* part_ = nullptr;  // that the steps are of, now
  Mode mode_ = Mode::kWalk;
  size_t argument_ = 0;  // of the recording: the next
  int launch_ = 0;
  int workers_ = 0;
  bool resolved_ = false;  // slots of segment 0 are those of input_dims_
  bool ready_ = false;     // and so are buffers and launches
  bool captured_ = false;  // this run goes into a capture of the caller's
  bool was_captured_ = false;
};

}  // namespace temper
