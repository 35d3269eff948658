// FloatEnvironment: default rounding (to nearest even), denormals kept, exceptions masked, for as long as the object lives;
// then the thread gets back what it had. Without it the same plan could give other bits in a thread whose owner had asked for
// flush-to-zero or another rounding. Costs a few nanoseconds when the thread already has the defaults. Must be destroyed on the
// thread that made it.
//
//   FloatEnvironment environment;  // from here to the end of the scope
#pragma once

#include <cstdint>

namespace temper {

class FloatEnvironment {
 public:
  FloatEnvironment() {
    asm volatile("stmxcsr %0" : "=m"(mxcsr_));
    asm volatile("fnstcw %0" : "=m"(x87_));
    // The six lowest bits of MXCSR are sticky flags: they change no result.
    if ((mxcsr_ & ~kFlags) != kDefaultMxcsr) load_mxcsr(kDefaultMxcsr);
    if (x87_ != kDefaultX87) load_x87(kDefaultX87);
  }
  ~FloatEnvironment() {
    if ((mxcsr_ & ~kFlags) != kDefaultMxcsr) load_mxcsr(mxcsr_);
    if (x87_ != kDefaultX87) load_x87(x87_);
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  static constexpr uint32_t kFlags = 0x3f;
  static constexpr uint32_t kDefaultMxcsr = 0x1f80;
  static constexpr uint16_t kDefaultX87 = 0x037f;
  static void load_mxcsr(uint32_t value) { asm volatile("ldmxcsr %0" ::"m"(value) : "memory"); }
  static void load_x87(uint16_t value) { asm volatile("fldcw %0" ::"m"(value) : "memory"); }

  uint32_t mxcsr_ = 0;
  uint16_t x87_ = 0;
};

}  // namespace temper
