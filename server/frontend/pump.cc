#include "server/frontend/pump.h"

#include "base/metrics.h"
#include "base/signal.h"
#include "base/task_group.h"

namespace hauspost::frontend {

namespace {

// A client that has ended its side may still read; the back-end gets this long to finish.
constexpr std::chrono::minutes kFinishTime{5};
// Frames of the back-end that are here already go out together while this much room is left.
constexpr std::size_t kGatherRoom = 4 * 1024;

metrics::CounterFamily g_bytes("hauspost_client_bytes_total",
                               "Bytes between clients and back-ends, without TLS, by direction.",
                               {"direction"});
metrics::Counter& g_bytes_in = g_bytes.with({"in"});
metrics::Counter& g_bytes_out = g_bytes.with({"out"});

class Pump {
 public:
  Pump(Executor executor, Stream& client, Handover handover, const Services& services, Signal& stop,
       Traffic& traffic)
      : client_(client),
        link_(std::move(handover.link)),
        first_bytes_(std::move(handover.first_bytes)),
        services_(services),
        stop_(stop),
        traffic_(traffic),
        ended_(executor),
        tasks_(executor) {}

  Task<PumpResult> run() {
    client_.set_timeout(services_.limits.write_progress);
    tasks_.spawn("pump.up", up());
    tasks_.spawn("pump.down", down());
    while (!over_) {
      if (!co_await ended_.wait()) finish(PumpEnd::kStopped);
    }
    tasks_.stop();
    co_await tasks_.join();
    link_->close();
    co_return result_;
  }

 private:
  void finish(PumpEnd end) {
    if (std::exchange(over_, true)) return;
    result_.end = end;
    ended_.notify_all();
  }

  // A link that cannot be written to is for down() to judge: the back-end's last words may wait in
  // it.
  Task<bool> send(std::string_view bytes) {
    result_.bytes_in += bytes.size();
    traffic_.bytes_in += bytes.size();
    traffic_.last_word = std::chrono::steady_clock::now();
    g_bytes_in.add(bytes.size());
    const auto sent = co_await link_->write(link::FrameType::kData, bytes);
    co_return sent.has_value();
  }

  Task<void> up() {
    if (!first_bytes_.empty()) {
      const bool sent = co_await send(first_bytes_);
      std::string().swap(first_bytes_);  // assigning a short string would keep the memory
      if (!sent) co_return;
    }
    for (;;) {
      std::optional<BufferPool::Buffer> buffer;
      const auto input = co_await client_.read_input(stop_, [&] {
        if (!buffer) buffer.emplace(services_.buffers.take());
        return buffer->span();
      });
      if (!input) co_return finish(PumpEnd::kClientGone);
      if (input->wake == Wake::kSignal) co_return finish(PumpEnd::kStopped);
      if (input->count == 0) co_return co_await end_of_client();
      if (!co_await send({buffer->span().data(), input->count})) co_return;
    }
  }

  Task<void> end_of_client() {
    [[maybe_unused]] auto told = co_await link_->write(link::FrameType::kClose, std::string_view{});
    if (co_await sleep_for(kFinishTime)) finish(PumpEnd::kClientGone);
  }

  Task<void> down() {
    for (;;) {
      if (!co_await link_->buffer_input()) co_return finish(PumpEnd::kBackendLost);
      const BufferPool::Buffer buffer = services_.buffers.take();
      std::size_t filled = 0;
      bool more = true;
      while (more) {
        auto piece = co_await link_->read_data(buffer.span().subspan(filled));
        const bool data = piece && !piece->control;
        if (data) filled += piece->count;
        more = data && link_->has_buffered_input() && filled + kGatherRoom <= buffer.span().size();
        if (more) continue;
        if (filled > 0 && !co_await deliver({buffer.span().data(), filled})) co_return;
        if (!data) co_return finish(end_after(piece));
      }
    }
  }

  static PumpEnd end_after(const Result<link::FrameSocket::Piece>& piece) {
    const bool closed = piece && piece->control && piece->control->type == link::FrameType::kClose;
    return closed ? PumpEnd::kBackendClosed : PumpEnd::kBackendLost;
  }

  Task<bool> deliver(std::string_view bytes) {
    if (!co_await client_.write(bytes)) {
      finish(PumpEnd::kClientGone);
      co_return false;
    }
    result_.bytes_out += bytes.size();
    traffic_.bytes_out += bytes.size();
    g_bytes_out.add(bytes.size());
    result_.at_line_end = bytes.back() == '\n';
    co_return true;
  }

  Stream& client_;
  std::unique_ptr<link::FrameSocket> link_;
  std::string first_bytes_;
  const Services& services_;
  Signal& stop_;
  Traffic& traffic_;
  Condition ended_;
  bool over_ = false;
  PumpResult result_;
  TaskGroup tasks_;
};

}  // namespace

std::string_view to_string(PumpEnd end) {
  switch (end) {
    case PumpEnd::kBackendClosed: return "done";
    case PumpEnd::kBackendLost: return "backend_lost";
    case PumpEnd::kClientGone: return "client_gone";
    case PumpEnd::kStopped: return "stopped";
  }
  return "unknown";
}

Task<PumpResult> pump(Stream& client, Handover handover, const Services& services, Signal& stop,
                      Traffic& traffic) {
  Pump carrier(co_await asio::this_coro::executor, client, std::move(handover), services, stop,
               traffic);
  co_return co_await carrier.run();
}

}  // namespace hauspost::frontend
