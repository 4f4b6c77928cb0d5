#include <catch2/catch.hpp>

#include "store/mime/message.h"

namespace hauspost::mime {
namespace {

TEST_CASE("mime date: valid forms, obsolete ones too") {
  struct Case {
    const char* raw;
    std::int64_t unix_s;
    std::int32_t day;
  };
  const Case cases[] = {
      {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, 10186},
      {" 21 Nov 97 09:55:06 GMT", 880106106, 10186},
      {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
       "(Newfoundland Time)",
       -27723480, -322},
      {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, 10186},
      {"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", 837595405, 9694},
      {"1 Jan 2000 00:00 +0000", 946684800, 10957},
      {"1 Jan 00 00:00 UT", 946684800, 10957},
      {"1 Jan 100 00:00:00 EST", 946702800, 10957},
      {"Sat, 1 January 2000 00:00:00 +0100", 946681200, 10957},
      {"Sat, 01-Jan-2000 00:00:00 PST", 946713600, 10957},
      {"29 Feb 2024 12:00:00 Z", 1709208000, 19782},
      {"31 Dec 2016 23:59:60 +0000", 1483228800, 17166},
      {"Sat 1 Jan 2000 00:00:00", 946684800, 10957},
      {"1 jan 2000 0:00:00 GMT", 946684800, 10957},
      {"Mon, 2 Jun 2025 23:30:00 -0800", 1748935800, 20241},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    const auto date = parse_date_header(test.raw);
    REQUIRE(date);
    CHECK(date->unix_s == test.unix_s);
    CHECK(date->day == test.day);
  }
}

TEST_CASE("mime date: what is no date") {
  for (const char* raw :
       {"", "now", "30 Feb 2024 12:00:00 +0000", "1 Foo 2000 00:00 GMT", "32 Jan 2000 00:00 GMT",
        "1 Jan 2000 24:00 GMT", "1 Jan 2000 00:60 GMT", "1 Jan 2000", "1 Jan 2000 00:00 +01x0",
        "1 Jan 20000 00:00 GMT", "2000-01-01T00:00:00Z", "Fri,", "1 Jan 2000 :: GMT",
        "1 Jan 2000 00:00 +0199", "99999999999999999999 Jan 2000 00:00 GMT"}) {
    INFO(raw);
    CHECK(!parse_date_header(raw));
  }
}

}  // namespace
}  // namespace hauspost::mime
