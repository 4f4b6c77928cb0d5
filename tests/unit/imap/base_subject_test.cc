#include "protocols/imap/base_subject.h"

#include <catch2/catch.hpp>

#include <chrono>

namespace hauspost::imap {

TEST_CASE("imap base subject: what RFC 5256 takes away and what it leaves") {
  struct Row {
    std::string_view subject;
    std::string_view base;
    bool is_reply;
  };
  const Row rows[] = {
      {"hello", "hello", false},
      {"", "", false},
      {"Re: hello", "hello", true},
      {"RE:hello", "hello", true},
      {"re :  hello", "hello", true},
      {"Re: Re: Fwd: fw: hello", "hello", true},
      {"Re[2]: hello", "hello", true},
      {"Re [list] : hello", "hello", true},
      {"Reply: hello", "Reply: hello", false},
      {"Fwdx: hello", "Fwdx: hello", false},
      {"[list] hello", "hello", false},
      {"[list] Re: [list] hello", "hello", true},
      {"[a] [b] [c] hello", "hello", false},
      {"[a][b][c]", "[c]", false},
      {"[a] [b] Re: ", "", true},
      {"[only]", "[only]", false},
      {"Re: [only]", "[only]", true},
      {"hello (fwd)", "hello", true},
      {"hello (FWD) (fwd)  ", "hello", true},
      {"(fwd)", "", true},
      {"[fwd: hello]", "hello", true},
      {"[Fwd: Re: hello (fwd)]", "hello", true},
      {"[fwd: [fwd: hello]]", "hello", true},
      {"Fwd: [fwd: hello] (fwd)", "hello", true},
      {"a\tb  c\t d", "a b c d", false},
      {"  hello  ", "hello", false},
      {"[unclosed hello", "[unclosed hello", false},
      {"[a[b] hello", "[a[b] hello", false},
      {"hello Re: there", "hello Re: there", false},
      {"Re:", "", true},
  };
  for (const Row& row : rows) {
    INFO(row.subject);
    const BaseSubject base = base_subject(row.subject);
    CHECK(base.text == row.base);
    CHECK(base.is_reply_or_forward == row.is_reply);
    // Doing it again changes nothing.
    CHECK(base_subject(base.text).text == row.base);
  }
}

TEST_CASE("imap base subject: a long row of blobs takes linear time") {
  std::string subject;
  for (int i = 0; i < 30'000; ++i) subject += "[]";
  const auto begin = std::chrono::steady_clock::now();
  CHECK(base_subject(subject).text == "[]");
  std::string replies;
  for (int i = 0; i < 20'000; ++i) replies += "Re:[]";
  CHECK(base_subject(replies).text == "[]");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

}  // namespace hauspost::imap
