#include "base/result.h"

#include <catch2/catch.hpp>

#include <memory>

#include "base/async.h"
#include "run.h"

using namespace hauspost;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::kInvalid, "odd");
  return number / 2;
}
Result<int> quarter(int number) {
  TRY_ASSIGN(const int once, half(number));
  TRY_ASSIGN(const int twice, half(once));
  return twice;
}
Result<> check_quarter(int number, bool& went_on) {
  TRY(quarter(number));
  went_on = true;
  return {};
}
Result<std::unique_ptr<int>> boxed(int number) { return std::make_unique<int>(number); }
Result<int> unboxed(int number) {
  TRY_ASSIGN(auto box, boxed(number));
  return *box;
}
Task<Result<int>> task_half(int number) { co_return half(number); }
Task<Result<int>> task_quarter(int number) {
  CO_TRY_ASSIGN(const int once, co_await task_half(number));
  CO_TRY(co_await task_half(once));
  CO_TRY_ASSIGN(const int twice, co_await task_half(once));
  co_return twice;
}
Task<void> tasks_too() {
  CHECK((co_await task_quarter(8)) == 2);
  const auto failed = co_await task_quarter(6);
  CHECK((!failed && failed.error().text == "odd"));
}

}  // namespace

TEST_CASE("result: the macros give the value or leave with the error") {
  CHECK(quarter(8) == 2);
  REQUIRE_FALSE(quarter(6));
  CHECK(quarter(6).error().code == ErrorCode::kInvalid);
  bool went_on = false;
  CHECK_FALSE(check_quarter(6, went_on));
  CHECK_FALSE(went_on);
  CHECK(check_quarter(4, went_on));
  CHECK(went_on);
  CHECK(unboxed(5) == 5);
  asio::io_context io;
  test::run(io, tasks_too());
}

TEST_CASE("result: outer layers prepend what they were doing") {
  Error error{ErrorCode::kDenied, "permission denied"};
  error = std::move(error).within("opening log").within("mounting DB1");
  CHECK(error.text == "mounting DB1: opening log: permission denied");
  CHECK(error.code == ErrorCode::kDenied);
}

TEST_CASE("result: errno values keep their meaning") {
  const std::pair<int, ErrorCode> table[] = {
      {ENOSPC, ErrorCode::kExhausted},
      {EDQUOT, ErrorCode::kExhausted},
      {EMFILE, ErrorCode::kExhausted},
      {ENOENT, ErrorCode::kNotFound},
      {EEXIST, ErrorCode::kExists},
      {EACCES, ErrorCode::kDenied},
      {EROFS, ErrorCode::kDenied},
      {ECONNRESET, ErrorCode::kUnavailable},
      {EPIPE, ErrorCode::kUnavailable},
      {ETIMEDOUT, ErrorCode::kUnavailable},
      {EHOSTUNREACH, ErrorCode::kUnavailable},
      {EIO, ErrorCode::kInternal},
  };
  for (const auto& [number, code] : table) {
    INFO(number);
    CHECK(errno_error("doing", number).code == code);
    CHECK(errno_error("doing", number).text.starts_with("doing: "));
  }
}

TEST_CASE("result: every code has its own name") {
  for (int a = 0; a <= static_cast<int>(ErrorCode::kInternal); ++a) {
    for (int b = 0; b < a; ++b)
      CHECK(to_string(static_cast<ErrorCode>(a)) != to_string(static_cast<ErrorCode>(b)));
  }
}
