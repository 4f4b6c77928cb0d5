#include "protocols/pop3/client_input.h"

namespace hauspost::pop3 {

LineReader::Event ClientInput::next() {
  if (begin_ == end_) return LineReader::Event::kNeedMore;
  const auto step = reader_.feed({buffer_.get() + begin_, end_ - begin_});
  begin_ += step.consumed;
  return step.event;
}

Task<Result<bool>> ClientInput::fill() {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  begin_ = 0;
  end_ = 0;
  CO_TRY_ASSIGN(end_, co_await stream_.read_some({buffer_.get(), kBufferBytes}));
  co_return end_ > 0;
}

}  // namespace hauspost::pop3
