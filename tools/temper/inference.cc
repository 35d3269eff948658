#include "inference.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "output_file.h"
#include "problem.h"

namespace tool {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// Where times count from, on the device and on the host.
struct Start {
  Start() {
    check_cuda(cudaEventRecord(event, nullptr), "recording an event");
    check_cuda(cudaEventSynchronize(event), "recording an event");
    moment = Clock::now();
  }
  Event event;
  Clock::time_point moment;
};

// One round enqueues on every session and waits for each.
void run_round(std::span<std::unique_ptr<Session>> sessions, const Options& options, const Start& start,
               std::vector<Times>* runs) {
  for (auto& session : sessions) session->enqueue(options);
  for (auto& session : sessions) {
    const Times times = session->finish(start.event, start.moment);
    if (runs) runs->push_back(times);
  }
  if (options.idle_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(options.idle_ms));
}

// What one host thread does. Returns when the measured part began.
Clock::time_point run_sessions(std::span<std::unique_ptr<Session>> sessions, const Options& options, const Start& start,
                               std::vector<Times>& runs) {
  if (!options.transfers) {
    for (auto& session : sessions) session->copy_inputs();
  }
  const auto warm_up_start = Clock::now();
  while (ms_since(warm_up_start) < options.warm_up_ms && !interrupted()) run_round(sessions, options, start, nullptr);
  const auto measure_start = Clock::now();
  for (int64_t round = 0; !interrupted(); ++round) {
    const bool timed_out = options.duration_s >= 0 && ms_since(measure_start) >= 1e3 * options.duration_s;
    if (round >= options.iterations && timed_out) break;
    run_round(sessions, options, start, &runs);
  }
  if (!options.transfers) {
    for (auto& session : sessions) {
      session->copy_outputs();
      session->wait();
    }
  }
  return measure_start;
}

}  // namespace

Sessions make_sessions(nvinfer1::ICudaEngine& engine, const Options& options) {
  Sessions sessions;
  for (int i = 0; i < options.streams; ++i) sessions.push_back(std::make_unique<Session>(engine, options));
  return sessions;
}

Measurement measure(Sessions& sessions, const Options& options) {
  const Start start;
  Measurement result;
  Clock::time_point measure_start = Clock::now();
  if (!options.threads) {
    measure_start = run_sessions(sessions, options, start, result.runs);
  } else {
    std::mutex mutex;
    std::exception_ptr problem;
    std::vector<std::thread> threads;
    auto earliest = Clock::time_point::max();
    for (auto& session : sessions) {
      threads.emplace_back([&, one = &session] {
        std::vector<Times> runs;
        try {
          const auto began = run_sessions({one, 1}, options, start, runs);
          std::lock_guard lock(mutex);
          earliest = std::min(earliest, began);
          result.runs.insert(result.runs.end(), runs.begin(), runs.end());
        } catch (...) {
          std::lock_guard lock(mutex);
          if (!problem) problem = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (problem) std::rethrow_exception(problem);
    measure_start = earliest;
  }
  result.walltime_ms = ms_since(measure_start);
  result.complete = !interrupted();
  std::stable_sort(result.runs.begin(), result.runs.end(),
                   [](const Times& a, const Times& b) { return a.compute_end < b.compute_end; });
  return result;
}

}  // namespace tool
