#include "protocols/smtp/line_input.h"

#include <cstring>

#include "base/check.h"

namespace hauspost::smtp {

namespace {

// A session between commands keeps the small one; message contents want few system calls.
constexpr std::size_t kIdleBytes = 4 * 1024;
constexpr std::size_t kBulkBytes = 64 * 1024;
static_assert(kBulkBytes >= kLineFloodMax);

}  // namespace

Task<Result<>> LineInput::fill(std::size_t capacity) {
  const std::size_t held = end_ - begin_;
  const bool wrong_size = held == 0 && capacity_ != capacity;
  if (wrong_size || held == capacity_) {
    capacity_ = std::max(capacity, held == capacity_ ? std::min(2 * held, kBulkBytes) : held);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    std::copy_n(buffer_.get() + begin_, held, larger.get());
    buffer_ = std::move(larger);
    begin_ = 0;
    end_ = held;
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    begin_ = 0;
    end_ = held;
  }
  HP_CHECK(end_ < capacity_);
  CO_TRY_ASSIGN(const std::size_t got,
                co_await stream_.read_some({buffer_.get() + end_, capacity_ - end_}));
  if (got == 0) co_return fail(ErrorCode::kUnavailable, "connection closed");
  end_ += got;
  co_return Result<>{};
}

Task<Result<LineScan>> LineInput::read_line(std::size_t line_max) {
  std::size_t searched = 0;
  for (;;) {
    const LineScan scan = scan_line(rest(), line_max, searched);
    if (scan.status != LineStatus::kNeedMore) {
      begin_ += scan.consumed;
      co_return scan;
    }
    searched = rest().size();
    CO_TRY(co_await fill(kIdleBytes));
  }
}

bool LineInput::has_line() const {
  return scan_line(rest(), kCommandLineMax).status != LineStatus::kNeedMore;
}

Task<Result<std::string_view>> LineInput::peek() {
  if (begin_ == end_) {
    CO_TRY(co_await fill(kBulkBytes));
  }
  co_return rest();
}

void LineInput::consume(std::size_t count) {
  HP_CHECK(count <= end_ - begin_);
  begin_ += count;
}

std::string LineInput::take_rest() {
  std::string taken(rest());
  begin_ = end_ = 0;
  return taken;
}

}  // namespace hauspost::smtp
