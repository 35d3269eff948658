// Backend: what runs the kernels of one family of targets ("cpu-...", "sm_..."), as the runtime sees it.
//
// A Backend decodes kernels, holds the weights where kernels read them, and makes Queues. A Queue is one context's line of
// execution: memory, copies and launches, which take effect in the order of the calls. Invariants: a queue is only given
// kernels and launches of its own backend; memory that it allocated is released through it; what a `read` or `finish` returns
// is the effect of everything before it. On the CPU each call has taken effect when it returns; elsewhere only `read` and
// `finish` wait.
//
//   std::shared_ptr<Backend> backend = TEMPER_TRY(open_backend("sm_90"));        // an error says what is missing
//   std::unique_ptr<Queue> queue = TEMPER_TRY(backend->make_queue());
//   TEMPER_TRY(queue->write(device, host, bytes));
//   TEMPER_TRY(queue->direct_to(stream));                                        // of the caller; own ones: std::nullopt
//   TEMPER_TRY(queue->run(*launch, buffers, workspace, executor));
//   TEMPER_TRY(queue->read(host, device, bytes));                                // waits
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"

namespace temper {

// A kernel prepared for one shape, which belongs to one queue.
class Launch {
 public:
  virtual ~Launch() = default;
  // Scratch that a run needs, for `workers` workers; contents undefined before and after. Aligned as allocate() aligns.
  virtual int64_t workspace_bytes(int workers) const { return 0; }
};

// One launch step of a plan, decoded and verified once: immutable, shared by all contexts and threads.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual int buffer_count() const = 0;
  virtual int parameter_count() const = 0;
  // Whether a run may write to that buffer. The weights of a plan are mapped read-only: who loads one refuses kernels that
  // would.
  virtual bool writes(int buffer) const = 0;
  // Whether launches of it, once recorded, can't be given other addresses.
  virtual bool keeps_addresses() const { return false; }
};

// Launches that a queue has noted, to be done all at once, as often as wanted. Goes before its queue and the launches.
class Recording {
 public:
  virtual ~Recording() = default;
  // From the next replay on the launch that was noted as the `number`-th, counted from 0, has these buffers and this workspace.
  // Allocates nothing. kUnsupported: it must be recorded again.
  virtual Status rebind(int number, std::span<std::byte* const> buffers, std::byte* workspace) = 0;
  virtual Status replay() = 0;
  virtual int size() const = 0;  // how much it holds, in kernels
};

class Queue {
 public:
  virtual ~Queue() = default;

  // A stream of the caller's takes what follows, in its order; nothing: the queue's own. What went before takes effect before
  // it. An error may also be what earlier work has noted meanwhile.
  using Stream = std::optional<void*>;
  virtual Status direct_to(Stream stream) {
    return stream ? Status(Error(ErrorCode::kUnsupported, "this backend has no streams that others make")) : Status();
  }
  // Whether the caller records what goes to that stream: nothing can be waited for then.
  virtual Expected<bool> is_captured() { return false; }
  // The end of a run: what follows on another stream comes after it.
  virtual Status mark() { return {}; }

  // Memory for kernels, aligned to 64 bytes; null: there is none left.
  virtual std::byte* allocate(int64_t bytes) = 0;
  virtual void release(std::byte* memory) = 0;
  // Whether kernels may use this address of the caller's as it is. What they can't reach, or is not aligned as they want it
  // (GPUs: to 16 bytes), is copied at the borders.
  virtual bool reaches(const void* address) const = 0;

  virtual Status copy(std::byte* to, const std::byte* from, int64_t bytes) = 0;  // both in memory for kernels
  virtual Status write(std::byte* to, const void* from,
                       int64_t bytes) = 0;                                  // from the host, which may change `from` afterwards
  virtual Status read(void* to, const std::byte* from, int64_t bytes) = 0;  // to the host; waits
  // To the host too, when the stream has got there.
  virtual Status fetch(void* to, const std::byte* from, int64_t bytes) { return read(to, from, bytes); }

  // parameters and buffer_bytes as the plan's shape programs have computed them; whatever needs checking or allocating is done
  // here.
  virtual Expected<std::unique_ptr<Launch>> prepare(const Kernel& kernel, std::span<const int64_t> parameters,
                                                    std::span<const int64_t> buffer_bytes) = 0;
  // buffers: one pointer per buffer of the step. Allocates nothing unless it fails.
  virtual Status run(Launch& launch, std::span<std::byte* const> buffers, std::byte* workspace, Executor& executor) = 0;
  // Between begin_recording and end_recording, what run() is given is noted and not done. An error leaves the queue as it was
  // before.
  virtual bool can_record() const { return false; }
  virtual Status begin_recording() { return Error(ErrorCode::kUnsupported, "this backend records nothing"); }
  virtual Expected<std::unique_ptr<Recording>> end_recording() {
    return Error(ErrorCode::kUnsupported, "this backend records nothing");
  }
  // Waits for everything; what went wrong on the way is an error here at the latest.
  virtual Status finish() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // This will be decoded: what takes long may begin in other threads.
  virtual void foresee(std::string_view kernel, std::span<const std::byte> blob) {}
  virtual Expected<std::unique_ptr<Kernel>> decode(std::string_view kernel, std::span<const std::byte> blob) = 0;
  // Places the `used` parts of `weights`, which `owner` keeps alive, where kernels read them: one address for each, valid as
  // long as the result.
  struct Part {
    size_t offset = 0, bytes = 0;
  };
  struct Placed {
    std::vector<const std::byte*> addresses;
    std::shared_ptr<const void> memory;
  };
  virtual Expected<Placed> place_weights(std::span<const std::byte> weights, std::span<const Part> used,
                                         std::shared_ptr<const void> owner) = 0;
  // What a user should know about what was decoded, as sentences.
  virtual std::vector<std::string> remarks() const { return {}; }
  // Whether its queues can be directed to a stream that others make.
  virtual bool has_streams() const { return false; }
  virtual Expected<std::unique_ptr<Queue>> make_queue() = 0;
};

using BackendOpener = Expected<std::shared_ptr<Backend>> (*)(std::string_view target);

// Adds a backend for the targets whose names begin with `family`; called by static initialisers.
struct RegisterBackend {
  RegisterBackend(std::string_view family, BackendOpener open);
};
// "cpu" of "cpu-v4-vnni", "sm" of "sm_90".
std::string_view family_of(std::string_view target);
Expected<std::shared_ptr<Backend>> open_backend(std::string_view target);

}  // namespace temper
