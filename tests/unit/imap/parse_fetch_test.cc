#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

using enum FetchAttribute;

std::vector<FetchAttribute> attributes(std::string_view items) {
  std::vector<FetchAttribute> found;
  for (const FetchItem& item : parse_as<FetchRequest>("FETCH 1 " + std::string(items)).items)
    found.push_back(item.attribute);
  return found;
}

FetchItem item(std::string_view text) {
  return parse_as<FetchRequest>("FETCH 1 " + std::string(text)).items.at(0);
}

}  // namespace

TEST_CASE("imap parser: FETCH items and macros") {
  using List = std::vector<FetchAttribute>;
  CHECK(attributes("FLAGS") == List{kFlags});
  CHECK(attributes("(flags UID rfc822.size FLAGS)") == List{kFlags, kUid, kRfc822Size});
  CHECK(attributes("FAST") == List{kFlags, kInternalDate, kRfc822Size});
  CHECK(attributes("all") == List{kFlags, kInternalDate, kRfc822Size, kEnvelope});
  CHECK(attributes("FULL") == List{kFlags, kInternalDate, kRfc822Size, kEnvelope, kBody});
  CHECK(attributes("(BODY BODYSTRUCTURE MODSEQ)") == List{kBody, kBodyStructure, kModSeq});
  CHECK(attributes("(RFC822 RFC822.HEADER RFC822.TEXT)") ==
        List{kRfc822, kRfc822Header, kRfc822Text});
  const auto uid = parse_as<FetchRequest>("UID FETCH 1:* (FLAGS)");
  CHECK(uid.uid);
  CHECK(uid.items.size() == 2);
  const auto changed = parse_as<FetchRequest>("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 77)");
  CHECK(changed.changed_since == 77);
  CHECK(changed.items.back().attribute == kModSeq);
}

TEST_CASE("imap parser: FETCH sections") {
  using mime::SectionText;
  CHECK(item("BODY[]").section.text == SectionText::kWhole);
  CHECK(item("BODY[]").sets_seen());
  CHECK_FALSE(item("BODY.PEEK[]").sets_seen());
  CHECK(item("BODY[HEADER]").section.text == SectionText::kHeader);
  CHECK(item("BODY[TEXT]").section.text == SectionText::kText);
  CHECK(item("body[1.2.3]").section.part == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(item("BODY[1.MIME]").section.text == SectionText::kMime);
  CHECK(item("BODY[2.1.HEADER]").section.part == std::vector<std::uint32_t>{2, 1});
  const FetchItem fields = item("(BODY.PEEK[HEADER.FIELDS (From \"To\" X-Mine)] UID)");
  CHECK(fields.peek);
  CHECK(fields.section.text == SectionText::kHeaderFields);
  CHECK(fields.section.fields == std::vector<std::string>{"From", "To", "X-Mine"});
  CHECK(item("BODY[1.HEADER.FIELDS.NOT (a)]").section.text == SectionText::kHeaderFieldsNot);
  CHECK(item("BODY[]<0.2048>").partial == Partial{0, 2048});
  CHECK(item("BODY.PEEK[TEXT]<4294967295.1>").partial == Partial{4294967295, 1});
  CHECK(item("BINARY[1]<5.6>").partial == Partial{5, 6});
  CHECK(item("BINARY.PEEK[]").peek);
  CHECK(item("BINARY.SIZE[2.2]").attribute == kBinarySize);
  CHECK(item("RFC822.TEXT").sets_seen());
  CHECK_FALSE(item("RFC822.HEADER").sets_seen());
  CHECK(item("RFC822.HEADER").needs_body());
  CHECK_FALSE(item("RFC822.SIZE").needs_body());
}

TEST_CASE("imap parser: what FETCH refuses") {
  for (const std::string_view items : {"",
                                       "()",
                                       "(FLAGS",
                                       "FLAGS)",
                                       "(FLAGS  UID)",
                                       "(FAST)",
                                       "FOO",
                                       "BODY[",
                                       "BODY[]<0.0>",
                                       "BODY[]<1>",
                                       "BODY[]<1.>",
                                       "BODY[MIME]",
                                       "BODY[0]",
                                       "BODY[1.]",
                                       "BODY[.1]",
                                       "BODY[1..2]",
                                       "BODY[HEADER.FIELDS]",
                                       "BODY[HEADER.FIELDS ()]",
                                       "BODY[HEADER.FIELDS (a]",
                                       "BODY.PEEK",
                                       "BINARY",
                                       "BINARY[TEXT]",
                                       "BINARY[1.TEXT]",
                                       "BINARY.SIZE[1]<0.1>",
                                       "RFC822[]",
                                       "FLAGS UID",
                                       "(FLAGS) (VANISHED)",
                                       "(FLAGS) ()",
                                       "(FLAGS) (CHANGEDSINCE x)",
                                       "ALLX",
                                       "BODY[99999999999]"}) {
    INFO(items);
    CHECK_FALSE(parse_error("FETCH 1 " + std::string(items)).no);
  }
}

}  // namespace hauspost::imap
