#include "transport/queue/queue.h"

#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

Queue::Queue(std::unique_ptr<QueueEngine> engine) : engine_(std::move(engine)) {}
Queue::~Queue() = default;

Result<std::unique_ptr<Queue>> Queue::open(Executor executor, QueueOptions options,
                                           const Clock& clock) {
  auto engine = QueueEngine::open(executor, std::move(options), clock);
  if (!engine) return fail(std::move(engine).error().within("opening the queue"));
  return std::unique_ptr<Queue>(new Queue(std::move(*engine)));
}

Task<Result<>> Queue::enqueue(std::vector<NewItem> items,
                              std::shared_ptr<const std::string> message) {
  return engine_->enqueue(std::move(items), std::move(message));
}

void Queue::kick() { engine_->kick(); }
void Queue::look() { engine_->look(); }
Task<void> Queue::run(QueueWorld world) { return engine_->run(std::move(world)); }
void Queue::watch_for_faults() { engine_->watch_for_faults(); }

void Queue::set_options(QueueOptions options) {
  options.path = engine_->options_.path;
  engine_->options_ = std::move(options);
  engine_->look();
}

const QueueOptions& Queue::options() const { return engine_->options_; }
std::uint64_t Queue::waiting() const { return engine_->waiting(); }

std::vector<QueueSummary> Queue::summaries(std::string_view after, std::size_t limit) const {
  return engine_->summaries(after, limit);
}

Result<QueueSummary> Queue::summary(std::string_view queue) const {
  const HopQueue* found = engine_->find(queue);
  if (!found) return fail(ErrorCode::kNotFound, "no queue is named " + std::string(queue));
  return engine_->summarize(*found, engine_->database_->snapshot());
}

Task<Result<>> Queue::suspend(std::string queue) {
  return engine_->set_suspended(std::move(queue), true);
}

Task<Result<>> Queue::resume(std::string queue) {
  return engine_->set_suspended(std::move(queue), false);
}

Result<> Queue::retry(std::string_view queue) { return engine_->retry(queue); }
Result<ItemPage> Queue::list(const ItemWalk& walk) const { return engine_->list(walk); }

std::vector<QueueItem> Queue::list(std::string_view queue) const {
  std::vector<QueueItem> all;
  ItemWalk walk{.queue = std::string(queue)};
  for (;;) {
    auto page = list(walk);
    if (!page) break;
    std::ranges::move(page->items, std::back_inserter(all));
    if (page->next.empty()) break;
    walk.cursor = std::move(page->next);
  }
  return all;
}

Result<QueueItem> Queue::item(std::string_view id) const { return engine_->item(id); }

Result<store::Body> Queue::message(std::string_view id) const {
  TRY_ASSIGN(const auto place, engine_->place_of(id));
  const store::Snapshot snapshot = engine_->database_->snapshot();
  const auto message = snapshot.message(place.first->folder, place.second);
  if (!message)
    return fail(ErrorCode::kNotFound, "no queued message has the id " + std::string(id));
  return snapshot.body(message->body);
}

Result<Envelope> Queue::envelope(std::string_view id) const {
  TRY_ASSIGN(const auto place, engine_->place_of(id));
  const store::Snapshot snapshot = engine_->database_->snapshot();
  if (!snapshot.message(place.first->folder, place.second))
    return fail(ErrorCode::kNotFound, "no queued message has the id " + std::string(id));
  return envelope_from_annotation(snapshot.annotation(place.first->folder, place.second));
}

Task<Result<ItemPage>> Queue::work(ItemWalk walk, ItemWork work, std::vector<std::string>* busy) {
  return engine_->work(std::move(walk), std::move(work), busy);
}

Task<Result<Resubmitted>> Queue::resubmit(Resubmission what) {
  return engine_->resubmit(std::move(what));
}

}  // namespace hauspost::transport
