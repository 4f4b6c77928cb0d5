#include "tools/cli/csv.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::cli;

namespace {

using Fields = std::vector<std::string>;

std::vector<Fields> fields_of(std::string_view text) {
  const auto records = parse_csv(text);
  REQUIRE(records.has_value());
  std::vector<Fields> out;
  for (const CsvRecord& record : *records) out.push_back(record.fields);
  return out;
}

}  // namespace

TEST_CASE("cli csv: what is a record") {
  struct Row {
    std::string_view text;
    std::vector<Fields> expected;
  };
  const Row row = GENERATE(values<Row>({
      {"", {}},
      {"a", {Fields{"a"}}},
      {"a,b\n", {Fields{"a", "b"}}},
      {"a,b\r\nc,d\r\n", {Fields{"a", "b"}, Fields{"c", "d"}}},
      {"a,\n", {Fields{"a", ""}}},
      {",\n", {Fields{"", ""}}},
      {"\n\na\n\n", {Fields{"a"}}},
      {"\"a,b\",c\n", {Fields{"a,b", "c"}}},
      {"\"a\"\"b\"\n", {Fields{"a\"b"}}},
      {"\"a\nb\",c\n", {Fields{"a\nb", "c"}}},
      {"\"a\r\nb\"", {Fields{"a\r\nb"}}},
      {"\"\",x", {Fields{"", "x"}}},
      {"\xef\xbb\xbf"
       "a,b\n",
       {Fields{"a", "b"}}},
      {"a b , c \n", {Fields{"a b ", " c "}}},
      {"a\"b\n", {Fields{"a\"b"}}},
  }));
  CHECK(fields_of(row.text) == row.expected);
}

TEST_CASE("cli csv: what is none, and on which line") {
  struct Row {
    std::string_view text;
    std::string_view named;
  };
  const Row row = GENERATE(values<Row>({
      {"a\n\"b", "line 2: a quote that never ends"},
      {"\"a\nb\"c", "line 2: text behind a closing quote"},
      {"a\rb\n", "line 1: a lone carriage return"},
      {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33",
       "line 1: more than 32 fields"},
  }));
  const auto records = parse_csv(row.text);
  REQUIRE_FALSE(records.has_value());
  CHECK(records.error().text == row.named);
}

TEST_CASE("cli csv: records know the line they start on") {
  const auto records = parse_csv("a\n\"b\nb\"\n\nc\n");
  REQUIRE(records.has_value());
  REQUIRE(records->size() == 3);
  CHECK((*records)[0].line == 1);
  CHECK((*records)[1].line == 2);
  CHECK((*records)[2].line == 5);
}

TEST_CASE("cli csv: a field that was written is read back") {
  const std::string value = GENERATE("", "plain", "a,b", "say \"x\"", "two\nlines", "cr\r\nlf");
  CHECK(fields_of(csv_field(value) + ",end") == std::vector<Fields>{Fields{value, "end"}});
}

TEST_CASE("cli csv: columns come in the order of the header") {
  const auto rows = mailbox_rows(*parse_csv(
      "Password,address,aliases\nsecret, a@example.test ,b@example.test  c@example.test"));
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 1);
  const MailboxRow& row = rows->front();
  CHECK(row.error.empty());
  CHECK(row.line == 2);
  CHECK(row.address == "a@example.test");
  CHECK(row.password == "secret");
  CHECK(row.aliases == Fields{"b@example.test", "c@example.test"});
}

TEST_CASE("cli csv: a wrong header refuses the file") {
  struct Row {
    std::string_view text;
    std::string_view named;
  };
  const Row row = GENERATE(values<Row>({
      {"", "the file is empty"},
      {"alice@example.test\n", "unknown column"},
      {"password\nx\n", "must name the column address"},
      {"address,address\n", "stands twice"},
  }));
  const auto rows = mailbox_rows(*parse_csv(row.text));
  REQUIRE_FALSE(rows.has_value());
  CHECK_THAT(rows.error().text, Catch::Contains(std::string(row.named)));
}

TEST_CASE("cli csv: a bad row stands alone") {
  const auto rows = mailbox_rows(
      *parse_csv("address,password\na@x.test,1\nb@x.test\n,3\n\xff@x.test,4\nc@x.test,5"));
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 5);
  CHECK((*rows)[0].error.empty());
  CHECK((*rows)[1].error == "fields: 1, the header has 2");
  CHECK((*rows)[2].error == "no address");
  CHECK((*rows)[3].error == "address is not UTF-8");
  CHECK((*rows)[4].error.empty());
  CHECK((*rows)[4].line == 6);
}
