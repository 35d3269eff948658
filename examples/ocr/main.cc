// Reads the text in a picture: one network finds the lines, another reads them.
//
//   ocr --models=FOLDER --picture=FILE [--plans=FOLDER] [--boxes=FILE.png] [--cpuThreads=N] [--rounds] [--tensors=FOLDER]
//
// Plans are built and tuned on first use and kept in --plans. Prints the lines with their confidence, and the kernels that take
// the most time. --tensors writes what went into the networks and what came out, as raw float32, for comparison with another
// runtime; with --rounds, each number of milliseconds that comes on stdin is a request to run for so long, answered by one line
// "round DETECTION_MS READING_MS" (medians), until the input ends.
#include <temper/temper.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "boxes.h"
#include "image.h"
#include "network.h"
#include "reading.h"

namespace {

constexpr int kLeastSide = 736;  // the detector sees a picture enlarged to at least this
constexpr int kGrain = 32;       // and its sides are multiples of this
constexpr int kLineHeight = 48;  // the reader's input
constexpr size_t kKernelRows = 10;

struct Options {
  std::string models, picture, plans = ".", boxes, tensors;
  int threads = 0;
  bool rounds = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    std::string text = argv[i], name = text.substr(0, text.find('=')),
                value = text.substr(std::min(text.size(), name.size() + 1));
    if (name == "--models") {
      options.models = value;
    } else if (name == "--picture") {
      options.picture = value;
    } else if (name == "--plans") {
      options.plans = value;
    } else if (name == "--boxes") {
      options.boxes = value;
    } else if (name == "--tensors") {
      options.tensors = value;
    } else if (name == "--cpuThreads") {
      options.threads = std::atoi(value.c_str());
    } else if (name == "--rounds") {
      options.rounds = true;
    } else {
      std::fprintf(stderr, "ocr: unknown option %s\n", text.c_str());
      return false;
    }
  }
  if (options.models.empty() || options.picture.empty()) {
    std::fprintf(stderr,
                 "usage: ocr --models=FOLDER --picture=FILE [--plans=FOLDER] [--boxes=FILE.png] [--cpuThreads=N] [--rounds]\n");
    return false;
  }
  return true;
}

// A tensor with its shape: what a network is given.
struct Input {
  Shape shape;
  std::vector<float> values;
};

Input for_detector(const Image& picture) {
  double scale = std::max(1.0, double(kLeastSide) / std::min(picture.width, picture.height));
  int width = std::max(1, int(std::lround(picture.width * scale / kGrain))) * kGrain;
  int height = std::max(1, int(std::lround(picture.height * scale / kGrain))) * kGrain;
  return {{1, 3, height, width}, to_tensor(picture, whole(picture), width, height)};
}

Input for_reader(const Image& picture, const Box& box) {
  const Quad& q = box.corners;
  double length = std::hypot(q[1].x - q[0].x, q[1].y - q[0].y), breadth = std::hypot(q[3].x - q[0].x, q[3].y - q[0].y);
  int width = std::clamp(int(std::ceil(kLineHeight * length / breadth)), kGrain, 2048);
  return {{1, 3, kLineHeight, width}, to_tensor(picture, q, width, kLineHeight)};
}

bool save(const std::string& path, const float* values, size_t count) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(values), std::streamsize(count * sizeof(float)));
  return bool(out);
}

size_t count_of(const Shape& shape) {
  size_t count = 1;
  for (int64_t extent : shape) count *= size_t(extent);
  return count;
}

// A tensor is saved as NAME_HxW.bin, its last two extents in the name, and what came out as NAME.out.
bool save_pair(const Options& options, const std::string& name, const Input& input, const Network& network) {
  if (options.tensors.empty()) return true;
  std::string size = std::to_string(input.shape[2]) + "x" + std::to_string(input.shape[3]);
  return save(options.tensors + "/" + name + "_" + size + ".bin", input.values.data(), input.values.size()) &&
         save(options.tensors + "/" + name + ".out", network.output(), count_of(network.output_shape()));
}

void print_kernels(const char* title, const KernelTimes& times) {
  std::vector<std::pair<std::string, double>> sorted = times.times();
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::printf("\n%s: %zu kernels, %.2f ms\n%9s %7s  kernel\n", title, sorted.size(), times.total(), "ms", "share");
  double rest = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i >= kKernelRows) {
      rest += sorted[i].second;
      continue;
    }
    std::printf("%9.3f %6.1f%%  %.90s\n", sorted[i].second, 100 * sorted[i].second / times.total(), sorted[i].first.c_str());
  }
  if (sorted.size() > kKernelRows)
    std::printf("%9.3f %6.1f%%  the other %zu\n", rest, 100 * rest / times.total(), sorted.size() - kKernelRows);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + long(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Runs the networks on the same inputs for a while; medians in milliseconds.
bool answer_rounds(Network& detector, const Input& page, Network& reader, const std::vector<Input>& lines) {
  using Clock = std::chrono::steady_clock;
  auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  for (double length = 0; std::cin >> length;) {
    std::vector<double> detection, reading;
    for (Clock::time_point begin = Clock::now(); detection.size() < 2 || ms(Clock::now() - begin) < length;) {
      Clock::time_point start = Clock::now();
      if (!detector.run(page.values.data(), page.shape)) return false;
      Clock::time_point found = Clock::now();
      for (const Input& line : lines)
        if (!reader.run(line.values.data(), line.shape)) return false;
      detection.push_back(ms(found - start));
      reading.push_back(ms(Clock::now() - found));
    }
    std::printf("round %.4f %.4f\n", median(detection), median(reading));
    std::fflush(stdout);
  }
  return true;
}

int read_picture(const Options& options) {
  Image picture;
  if (!Image::read(options.picture, picture)) {
    std::fprintf(stderr, "ocr: %s is missing, or no picture\n", options.picture.c_str());
    return 1;
  }
  Logger logger;
  std::unique_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(logger));
  if (!runtime || !temper::setCpuThreads(*runtime, options.threads)) return 1;
  Network detector, reader;
  std::string cache = options.plans + "/timing.cache";
  if (!detector.open(*runtime, logger,
                     {options.models + "/PP-OCRv6_det_small.onnx",
                      options.plans + "/detector.plan",
                      cache,
                      {1, 3, 32, 32},
                      {1, 3, 736, 1088},
                      {1, 3, 1536, 1536},
                      options.threads}) ||
      !reader.open(*runtime, logger,
                   {options.models + "/PP-OCRv6_rec_small.onnx",
                    options.plans + "/reader.plan",
                    cache,
                    {1, 3, 48, 32},
                    {1, 3, 48, 480},
                    {1, 3, 48, 2048},
                    options.threads}))
    return 1;
  for (auto [name, network] : {std::pair{"detector", &detector}, {"reader", &reader}}) {
    if (network->was_built()) {
      std::printf("%s: plan built and tuned in %.1f s\n", name, network->build_seconds());
    } else {
      std::printf("%s: plan loaded\n", name);
    }
  }
  const char* characters = temper::modelMetadata(reader.engine(), "character");
  if (!characters) {
    std::fprintf(stderr, "ocr: the reader's model has no dictionary in its metadata\n");
    return 1;
  }
  std::vector<std::string> dictionary = read_dictionary(characters);

  Input page = for_detector(picture);
  if (!detector.run(page.values.data(), page.shape) || !save_pair(options, "page", page, detector)) return 1;
  int height = int(page.shape[2]), width = int(page.shape[3]);
  if (detector.output_shape() != Shape{1, 1, height, width}) {
    std::fprintf(stderr, "ocr: the detector's output has another shape than its input\n");
    return 1;
  }
  KernelTimes detector_times, reader_times;
  if (!detector.profile(detector_times)) return 1;
  std::vector<Box> boxes =
      find_boxes(detector.output(), width, height, double(picture.width) / width, double(picture.height) / height);

  std::vector<Input> lines;
  std::printf("\n%10s %10s  text\n", "found", "read");
  for (const Box& box : boxes) {
    Input& input = lines.emplace_back(for_reader(picture, box));
    if (!reader.run(input.values.data(), input.shape)) return 1;
    if (!save_pair(options, "line" + std::to_string(lines.size() - 1), input, reader)) return 1;
    int columns = int(reader.output_shape()[1]), classes = int(reader.output_shape()[2]);
    Line line = read_line(reader.output(), columns, classes, dictionary);
    std::printf("%9.1f%% %9.1f%%  %s\n", 100 * box.score, 100 * line.confidence, line.text.c_str());
    if (!reader.profile(reader_times)) return 1;
  }
  print_kernels("detector", detector_times);
  print_kernels("reader, all lines", reader_times);
  if (!options.boxes.empty()) {
    for (const Box& box : boxes)
      for (size_t i = 0; i < 4; ++i) picture.draw_line(box.corners[i], box.corners[(i + 1) % 4], {230, 30, 120}, 3);
    if (!picture.write_png(options.boxes)) {
      std::fprintf(stderr, "ocr: can't write %s\n", options.boxes.c_str());
      return 1;
    }
  }
  std::fflush(stdout);
  return !options.rounds || answer_rounds(detector, page, reader, lines) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return 2;
  return read_picture(options);
}
