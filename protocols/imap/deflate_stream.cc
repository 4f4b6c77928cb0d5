#include "protocols/imap/deflate_stream.h"

#include <zlib.h>

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/signal.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kReceiveBytes = 4 * 1024;
constexpr std::size_t kInflatedBytes = 16 * 1024;
constexpr std::size_t kDeflatedBytes = 32 * 1024;
// Others run after this much has been deflated: about a millisecond.
constexpr std::size_t kSliceBytes = 64 * 1024;
// Raw deflate (RFC 4978 section 4) with a window of 8 KiB: replies repeat themselves at close
// range, and each session pays for its window.
constexpr int kDeflateWindowBits = -13;
constexpr int kInflateWindowBits = -15;  // the client may use any
constexpr int kDeflateMemoryLevel = 6;
constexpr int kDeflateLevel = 3;

Bytef* bytes_of(const char* text) {
  // zlib never writes to what it reads.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text));
}

}  // namespace

class DeflateStream::Coder {
 public:
  Coder() {
    HP_CHECK(inflateInit2(&inflater_, kInflateWindowBits) == Z_OK);
    HP_CHECK(deflateInit2(&deflater_, kDeflateLevel, Z_DEFLATED, kDeflateWindowBits,
                          kDeflateMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~Coder() {
    inflateEnd(&inflater_);
    deflateEnd(&deflater_);
  }
  Coder(const Coder&) = delete;
  Coder& operator=(const Coder&) = delete;

  bool ended() const { return ended_; }
  void end() { ended_ = true; }
  bool has_output() const { return taken_ < inflated_.size(); }
  std::size_t take(std::span<char> into) {
    const std::size_t count = std::min(into.size(), inflated_.size() - taken_);
    std::copy_n(inflated_.data() + taken_, count, into.data());
    taken_ += count;
    if (!has_output()) forget_output();
    return count;
  }

  // REQUIRES: may_hold_more() is false.
  void receive(std::string_view bytes) {
    received_ = bytes;
    inflater_.next_in = bytes_of(received_.data());
    inflater_.avail_in = static_cast<uInt>(received_.size());
    may_hold_more_ = true;
  }
  bool may_hold_more() const { return may_hold_more_; }
  // REQUIRES: !has_output(). False: the bytes are damaged.
  bool inflate_some() {
    inflated_.resize(kInflatedBytes);
    taken_ = 0;
    inflater_.next_out = bytes_of(inflated_.data());
    inflater_.avail_out = static_cast<uInt>(inflated_.size());
    const int outcome = inflate(&inflater_, Z_SYNC_FLUSH);
    inflated_.resize(inflated_.size() - inflater_.avail_out);
    may_hold_more_ = inflater_.avail_out == 0;
    if (outcome == Z_STREAM_END) {
      ended_ = true;
      may_hold_more_ = false;
    }
    if (!may_hold_more_) received_ = {};
    if (inflated_.empty()) forget_output();
    return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR;
  }

  // Deflates until `out` is full or everything is in it, then true.
  bool deflate_some(std::string_view& bytes, bool flush, std::string& out) {
    const std::size_t begin = out.size();
    out.resize(kDeflatedBytes);
    deflater_.next_in = bytes_of(bytes.data());
    deflater_.avail_in = static_cast<uInt>(bytes.size());
    deflater_.next_out = bytes_of(out.data() + begin);
    deflater_.avail_out = static_cast<uInt>(out.size() - begin);
    const int outcome = deflate(&deflater_, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    HP_CHECK(outcome == Z_OK || outcome == Z_BUF_ERROR);
    bytes.remove_prefix(bytes.size() - deflater_.avail_in);
    out.resize(out.size() - deflater_.avail_out);
    return deflater_.avail_out > 0;
  }

 private:
  // An idle session keeps no buffer.
  void forget_output() {
    std::string().swap(inflated_);
    taken_ = 0;
  }

  z_stream inflater_{};
  z_stream deflater_{};
  std::string received_;
  std::string inflated_;
  std::size_t taken_ = 0;
  bool may_hold_more_ = false;
  bool ended_ = false;
};

DeflateStream::DeflateStream(Stream& inner) : inner_(inner) {}
DeflateStream::~DeflateStream() = default;

void DeflateStream::start() { coder_ = std::make_unique<Coder>(); }

std::unexpected<Error> DeflateStream::damage() {
  damaged_ = true;
  return fail(ErrorCode::kUnavailable, "compressed data is damaged");
}

// Waits for bytes that make at least one when inflated, or for the end.
Task<Result<>> DeflateStream::receive() {
  while (!coder_->has_output() && !coder_->ended()) {
    if (!coder_->may_hold_more()) {
      std::string bytes(kReceiveBytes, '\0');
      CO_TRY_ASSIGN(const std::size_t count, co_await inner_.read_some(bytes));
      if (count == 0) {
        coder_->end();
        break;
      }
      bytes.resize(count);
      coder_->receive(bytes);
    } else {
      // A few bytes may stand for many: nobody waits for those.
      co_await yield_now();
    }
    if (!coder_->inflate_some())
      co_return damage();
  }
  co_return Result<>{};
}

Task<Result<std::size_t>> DeflateStream::read_some(std::span<char> into) {
  if (!coder_) co_return co_await inner_.read_some(into);
  CO_TRY(co_await receive());
  co_return coder_->take(into);
}

Task<Result<>> DeflateStream::write(std::span<const std::string_view> parts) {
  if (!coder_) co_return co_await inner_.write(parts);
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view rest = parts[i];
    do {
      std::string_view slice = rest.substr(0, kSliceBytes);
      rest.remove_prefix(slice.size());
      const bool last = rest.empty() && i + 1 == parts.size();
      while (!coder_->deflate_some(slice, last, out)) {
        CO_TRY(co_await inner_.write(std::string_view(out)));
        out.clear();
      }
      if (!rest.empty()) co_await yield_now();
    } while (!rest.empty());
  }
  if (!out.empty()) CO_TRY(co_await inner_.write(std::string_view(out)));
  co_return Result<>{};
}

Task<Result<Wake>> DeflateStream::wait_input(Signal& signal, Duration timeout) {
  if (!coder_) co_return co_await inner_.wait_input(signal, timeout);
  // Bytes may have come of which nothing can be made yet.
  while (!coder_->has_output() && !coder_->ended()) {
    if (!coder_->may_hold_more()) {
      CO_TRY_ASSIGN(const Wake wake, co_await inner_.wait_input(signal, timeout));
      if (wake != Wake::kInput) co_return wake;
      std::string bytes(kReceiveBytes, '\0');
      CO_TRY_ASSIGN(const std::size_t count, co_await inner_.read_some(bytes));
      if (count == 0) {
        coder_->end();
        break;
      }
      bytes.resize(count);
      coder_->receive(bytes);
    }
    if (!coder_->inflate_some())
      co_return damage();
    // Any number of bytes may stand for nothing: others run in between.
    if (!coder_->has_output()) co_await yield_now();
  }
  co_return Wake::kInput;
}

}  // namespace hauspost::imap
