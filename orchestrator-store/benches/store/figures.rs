//! The figures that the store is held to, each beside its target: one table.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use orchestrator_core::env::Tasks;
use orchestrator_core::store::{Key, KeyRange, Op, Revision, Txn, WatchRequest};
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_store::{DurableStore, Limits, MemoryStore};

use super::allocation::allocated;
use super::{keys, put, runtime};

/// Prints the table.
pub fn print() {
    row("what", "measured".into(), "target");
    memory_engine();
    long_list();
    past();
    sizes();
    fan_out();
    durable();
    opening(10 << 10, 1 << 30);
    opening(1 << 10, 1 << 30);
}

fn row(what: &str, measured: String, target: &str) {
    println!("{what:<58} {measured:>16}   {target}");
}

fn per_second(count: usize, time: Duration) -> String {
    format!("{:.0}/s", count as f64 / time.as_secs_f64())
}

/// How long `work` takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let env = Env::system();
    let start = env.instant();
    let done = work();
    (done, env.instant() - start)
}

/// The same, with the processor time that it costs: what says more on a machine that others use.
fn costed<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let before = processor_time();
    let (done, time) = timed(work);
    (done, time, processor_time() - before)
}

fn each(count: usize, time: Duration) -> String {
    format!("{:.2} µs", time.as_secs_f64() * 1e6 / count as f64)
}

fn value(bytes: usize) -> Value {
    Value::from_bytes(vec![b'x'; bytes])
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory does not wait")
}

fn memory_engine() {
    const COUNT: usize = 300_000;
    let keys = keys(100_000);
    let store = MemoryStore::new(Env::system());
    let writes = || {
        for key in keys.iter().cycle().take(COUNT) {
            now(store.txn(put(key, &value(256)))).expect("a put");
        }
    };
    let (_, time, processor) = costed(writes);
    row("memory: puts of 256 B, 100,000 keys", per_second(COUNT, time), "300,000/s");
    row("memory: processor time of a put", each(COUNT, processor), "");
    let reads = || {
        for key in keys.iter().cycle().take(COUNT) {
            assert!(now(store.get(key.clone())).expect("a read").1.is_some());
        }
    };
    let (_, time, processor) = costed(reads);
    row("memory: reads of one key", per_second(COUNT, time), "500,000/s");
    row("memory: processor time of a read", each(COUNT, processor), "2 µs");
    let all = KeyRange::prefix("/registry/pods/");
    let (count, time) = timed(|| now(store.count(all)).expect("a count"));
    row(&format!("memory: count of {count} keys"), format!("{time:.1?}"), "");
}

fn long_list() {
    let store = MemoryStore::new(Env::system());
    // The same bytes for all, lest the bench need the memory of a large machine.
    let bytes = bytes::Bytes::from(vec![b'x'; 10 << 10]);
    for key in keys(150_000) {
        now(store.txn(put(&key, &Value::from_bytes(bytes.clone())))).expect("a put");
    }
    let list = || now(store.list(KeyRange::prefix(""), Revision::ZERO, 0)).expect("a list");
    let (found, time) = timed(list);
    assert_eq!(found.kvs.len(), 150_000);
    row("memory: list of 150,000 objects of 10 KB", format!("{time:.1?}"), "< 1 s");
}

/// Reads of revisions that were never read before, each of another one.
fn past() {
    const READS: u64 = 200;
    let keys = keys(100_000);
    let store = MemoryStore::new(Env::system());
    let write = |key: &Key| drop(now(store.txn(put(key, &value(256)))));
    keys.iter().for_each(write);
    let (_, time) = timed(|| (0..1000).for_each(|_| drop(store.fork(Env::system()))));
    row("memory: fork of 100,000 keys", format!("{:.1?}", time / 1000), "O(1)");
    let lists = |what: &str, limit: usize, reads: u64| {
        let newest = now(store.status()).expect("a status").revision.get();
        let median = |revision: &dyn Fn(u64) -> u64| {
            let list = |n| {
                let revision = Revision::new(revision(n));
                timed(|| now(store.list(KeyRange::prefix(""), revision, limit)).expect("a list")).1
            };
            let mut times: Vec<_> = (0..reads).map(list).collect();
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (today, then) = (median(&|_| 0), median(&|n| newest - 49_900 + n * 197 % 20_000));
        let ratio = then.as_secs_f64() / today.as_secs_f64();
        row(&format!("memory: {what}, now"), format!("{today:.1?}"), "");
        row("memory: that, 30,000 to 50,000 revisions back", format!("{then:.1?}"), "as now");
        row("memory: that in times of now", format!("{ratio:.2}"), "1");
    };
    keys.iter().take(50_000).for_each(write);
    lists("list of 500 after updates", 500, READS);
    lists("list of 100,000 after updates", 0, 20);
    for key in keys.iter().skip(50_000).take(25_000) {
        let delete = vec![Op::Delete(KeyRange::key(key.clone()))];
        now(store.txn(Txn { then: delete, ..Txn::default() })).expect("a deletion");
        write(key);
    }
    lists("list of 500 after deletions and creations", 500, READS);
    lists("list of 100,000 after those", 0, 20);
}

fn sizes() {
    const COUNT: usize = 200_000;
    let limits = || {
        let mut limits = Limits::default();
        limits.history_events = 1;
        limits
    };
    let mut ordered = keys(COUNT);
    let shuffled = ordered.clone();
    ordered.sort();
    for (order, keys) in [("in order", ordered), ("at random", shuffled)] {
        let store = MemoryStore::builder().limits(limits()).build(Env::system());
        let before = allocated();
        let mut data = 0;
        for key in &keys {
            // A key of its own, as one that came over a wire.
            let key = Key::from(key.as_bytes());
            // Allocations are of whole words.
            data += key.as_bytes().len().next_multiple_of(8) + 256;
            now(store.txn(put(&key, &value(256)))).expect("a put");
        }
        let extra = (allocated() - before - data) / COUNT;
        row(
            &format!("memory per key beyond key and value, {order}"),
            format!("{extra} B"),
            "150 B",
        );
    }
    let store = MemoryStore::new(Env::system());
    let before = allocated();
    let request = || WatchRequest::new(KeyRange::prefix("/registry/pods/"), Revision::ZERO);
    let watches: Vec<_> =
        (0..100_000).map(|_| now(store.watch(request())).expect("a watch")).collect();
    let each = (allocated() - before - watches.capacity() * size_of_val(&watches[0])) / 100_000;
    row("memory of an idle watcher", format!("{each} B"), "200 B");
}

fn fan_out() {
    const UPDATES: usize = 50_000;
    const WATCHERS: usize = 1_000;
    let runtime = runtime();
    let env = Env::system();
    let store = Arc::new(MemoryStore::new(env.clone()));
    let keys = keys(1_000);
    let mut tasks = Tasks::new();
    runtime.block_on(async {
        for _ in 0..WATCHERS {
            let request = WatchRequest::new(KeyRange::prefix("/registry/"), Revision::ZERO);
            let mut stream = store.watch(request).await.expect("a watch");
            tasks.push(env.spawn("watcher", async move {
                while let Some(update) = stream.next().await {
                    std::hint::black_box(update.expect("a watcher that keeps up"));
                }
            }));
        }
        env.activity().idle().await;
    });
    let before = processor_time();
    let (writing, all) = runtime.block_on(async {
        let start = env.instant();
        let mut writing = Duration::ZERO;
        for keys in keys.iter().cycle().take(UPDATES).collect::<Vec<_>>().chunks(500) {
            let begun = env.instant();
            for key in keys {
                store.txn(put(key, &value(256))).await.expect("a put");
            }
            writing += env.instant() - begun;
            tokio::task::yield_now().await;
        }
        env.activity().idle().await;
        (writing, env.instant() - start)
    });
    let processor = processor_time() - before;
    // Of the time of the writer, which wakes the watchers and does not wait for them.
    let rate = per_second(UPDATES, writing);
    row("updates of one prefix with 1,000 watchers, writing", rate, "100,000/s");
    // Of all time, until each watcher has polled each update: a thousand times the work.
    let rate = per_second(UPDATES, all);
    row("updates of one prefix with 1,000 watchers, delivered", rate, "");
    row("processor time of a delivery", each(UPDATES * WATCHERS, processor), "1 µs");
    let rate = per_second(UPDATES * WATCHERS, all);
    row("deliveries of one thread", rate, "1,000,000/s");
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn durable() {
    const CLIENTS: usize = 1_000;
    for bytes in [256, 1024] {
        let puts = if bytes == 256 { 400 } else { 200 };
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = runtime();
        let env = Env::system();
        let (count, wall, processor) = runtime.block_on(async {
            let opened = DurableStore::builder().open_path(folder.path(), env.clone()).await;
            let store = Arc::new(opened.expect("a store"));
            let request = WatchRequest::new(KeyRange::prefix("/registry/"), Revision::ZERO);
            let mut stream = store.watch(request).await.expect("a watch");
            let watcher = env.spawn("watcher", async move {
                while let Some(update) = stream.next().await {
                    std::hint::black_box(update.expect("a watcher that keeps up"));
                }
            });
            let (start, processor) = (env.instant(), processor_time());
            let clients = (0..CLIENTS).map(|client| {
                let store = Arc::clone(&store);
                env.spawn("client", async move {
                    for n in 0..puts {
                        let key = format!("/registry/pods/default/{client:04}-{:02}", n % 20);
                        store.txn(put(&Key::from(key), &value(bytes))).await.expect("a put");
                    }
                })
            });
            let clients: Vec<_> = clients.collect();
            for client in clients {
                client.await.expect("a client does not panic");
            }
            let times = (env.instant() - start, processor_time() - processor);
            drop(watcher);
            store.close().await;
            (CLIENTS * puts, times.0, times.1)
        });
        let rate = per_second(count, wall);
        row(&format!("durable: puts of {bytes} B, 1,000 clients"), rate, "200,000/s");
        row("durable: processor time of a put", each(count, processor), "5 µs");
    }
}

/// Opens a store of `total` bytes in values of `bytes` bytes, whose files the system still has in
/// memory.
fn opening(bytes: usize, total: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime();
    let env = Env::system();
    let count = total / bytes;
    let open = || DurableStore::builder().open_path(folder.path(), env.clone());
    runtime.block_on(async {
        let store = Arc::new(open().await.expect("a store"));
        for start in (0..count).step_by(500) {
            let writes = (start..count.min(start + 500)).map(|n| {
                let store = Arc::clone(&store);
                let key = Key::from(format!("/registry/pods/default/web-{n:08}"));
                async move { store.txn(put(&key, &value(bytes))).await.expect("a put") }
            });
            futures::future::join_all(writes).await;
        }
        store.close().await;
    });
    let (store, time, processor) = costed(|| runtime.block_on(open()).expect("the store opens"));
    assert_eq!(now(store.count(KeyRange::prefix(""))).expect("a count"), count as u64);
    let what = format!("durable: opening {} MiB in values of {bytes} B", total >> 20);
    row(&what, format!("{time:.2?}"), "< 1 s");
    row("durable: processor time of that, on two threads", format!("{processor:.2?}"), "");
    runtime.block_on(store.close());
}
