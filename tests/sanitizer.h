// TEMPER_SANITIZED: whether a sanitizer that has a malloc of its own, and that makes programs many times slower, watches.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEMPER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEMPER_SANITIZED 1
#endif
#endif
#ifndef TEMPER_SANITIZED
#define TEMPER_SANITIZED 0
#endif
