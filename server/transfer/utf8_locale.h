// While it lives, C libraries take text for UTF-8 on this thread; libarchive turns names of entries
// into the locale's character set and drops what that lacks.
#pragma once

#include <locale.h>

namespace hauspost::transfer {

class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(utf8())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // glibc has C.UTF-8 built in; should it be missing nothing changes.
  static locale_t utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
    return locale;
  }
  locale_t before_;
};

}  // namespace hauspost::transfer
