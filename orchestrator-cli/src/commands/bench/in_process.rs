//! Figures of a store in this process, used from one thread.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use orchestrator::core::env::Tasks;
use orchestrator::core::store::{Key, KeyRange, Op, Put, Revision, Txn, WatchRequest};
use orchestrator::core::{BoxError, Env, Store, StoreExt, Value};
use orchestrator::store::{Limits, MemoryStore};

use super::Plan;
use super::cost;
use super::figure::{Figure, Measured};
use super::latency::Latencies;
use crate::allocation;
use crate::store::durable;

/// How a row is measured.
type Row = fn(&Plan<'_>) -> Result<Figure, BoxError>;

/// The rows; memory comes first, while nothing else runs that allocates.
pub const ROWS: [(&str, Row); 9] = [
    ("memory per key beyond key and value", memory_per_key),
    ("durable in process, puts of 256 B", durable_puts),
    ("durable in process, reads", durable_reads),
    ("list of 150,000 objects of 10 KB", long_list),
    ("updates of one prefix with 1,000 watchers, writing alone", prefix_updates),
    ("updates, each of 1,000 watchers takes its share", own_updates),
    ("deliveries, each of 1,000 watchers takes all", all_updates),
    ("fork of 100,000 keys", fork),
    ("list of 500, 50,000 revisions ago", old_list),
];

/// How many puts are under way at the same time: what a busy API server has.
const WRITERS: usize = 512;

/// How many keys the stores hold.
const KEYS: usize = 100_000;

/// Measures a row on a thread of its own.
pub fn measure(name: &'static str, row: Row, plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let measured = std::thread::scope(|threads| threads.spawn(|| row(plan)).join());
    let figure = measured.map_err(|_| format!("{name}: the measurement panicked"))??;
    Ok(Figure { what: name, ..figure })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn figure(unit: &'static str, target: &'static str, value: f64) -> Figure {
    let ours = Measured { value, ..Measured::default() };
    Figure { what: "", unit, ours, etcd: None, target }
}

fn key(n: usize) -> Key {
    Key::from(format!("/registry/pods/default/a-usual-deployment-{n:08}"))
}

fn value(bytes: usize) -> Value {
    Value::from_bytes(vec![b'x'; bytes])
}

fn put(key: Key, value: Value) -> Txn {
    Txn { then: vec![Op::Put(Put::new(key, value))], ..Txn::default() }
}

/// A memory store of `keys` keys with values of their own.
fn filled(env: &Env, keys: usize, bytes: usize) -> Result<MemoryStore, BoxError> {
    let store = MemoryStore::new(env.clone());
    fill(&store, keys, bytes)?;
    Ok(store)
}

fn fill(store: &MemoryStore, keys: usize, bytes: usize) -> Result<(), BoxError> {
    for n in 0..keys {
        store.txn(put(key(n), value(bytes))).now_or_never().ok_or("memory does not wait")??;
    }
    Ok(())
}

/// What the engine asked the allocator for, less the bytes of keys and values.
fn memory_per_key(_: &Plan<'_>) -> Result<Figure, BoxError> {
    const MANY: usize = 500_000;
    // History is not what a key costs.
    let mut limits = Limits::default();
    limits.history_events = 1;
    let store = MemoryStore::builder().limits(limits).build(Env::system());
    let (filled, held) = allocation::held(|| fill(&store, MANY, 256));
    filled?;
    let data = MANY * (key(0).as_bytes().len() + 256);
    drop(store);
    Ok(figure("B", "<= 150 B", (held as f64 - data as f64) / MANY as f64))
}

fn durable_puts(plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let folder = plan.folder.join("in-process-puts");
    let figure = runtime()?.block_on(async {
        let env = Env::system();
        let store = durable(&folder, &env).await?;
        let mut watch =
            store.watch(WatchRequest::new(KeyRange::prefix("/"), Revision::ZERO)).await?;
        let _watcher = env.spawn("watcher", async move { while watch.next().await.is_some() {} });
        write(&store, &env, plan.time / 5).await?;
        let cpu = cost::cpu(std::process::id())?;
        let begun = env.instant();
        let latencies = write(&store, &env, plan.time).await?;
        let (took, cpu) = (env.instant() - begun, cost::cpu(std::process::id())? - cpu);
        let puts = latencies.len() as f64;
        let mut figure = figure("puts/s", ">= 200,000", puts / took.as_secs_f64());
        figure.ours.cpu_us = Some(cpu.as_secs_f64() * 1e6 / puts.max(1.0));
        figure.ours.latency = Some(latencies.percentiles());
        Ok::<_, BoxError>(figure)
    });
    remove(&folder, figure)
}

/// Puts for `time`, with many under way.
async fn write(
    store: &Arc<dyn orchestrator::store::Operator>,
    env: &Env,
    time: Duration,
) -> Result<Latencies, BoxError> {
    let end = env.instant() + time;
    let value = value(256);
    let writer = |n: usize| {
        let (store, env, value) = (Arc::clone(store), env.clone(), value.clone());
        async move {
            let mut latencies = Latencies::default();
            let mut next = n;
            loop {
                let begun = env.instant();
                if begun >= end {
                    return Ok::<_, BoxError>(latencies);
                }
                store.txn(put(key(next % KEYS), value.clone())).await?;
                latencies.add(env.instant() - begun);
                next += WRITERS;
            }
        }
    };
    let writers: Vec<_> = (0..WRITERS).map(|n| env.spawn("writer", writer(n))).collect();
    let mut all = Latencies::default();
    for writer in writers {
        all.merge(writer.await.ok_or("a writer panicked")??);
    }
    Ok(all)
}

fn durable_reads(plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let folder = plan.folder.join("in-process-reads");
    let figure = runtime()?.block_on(async {
        let env = Env::system();
        let store = durable(&folder, &env).await?;
        for first in (0..KEYS).step_by(100) {
            let puts = (first..first + 100).map(|n| Op::Put(Put::new(key(n), value(256))));
            store.txn(Txn { then: puts.collect(), ..Txn::default() }).await?;
        }
        let keys: Vec<Key> = (0..KEYS).map(key).collect();
        let mut done = 0_usize;
        let begun = env.instant();
        while env.instant() - begun < plan.time {
            for _ in 0..1000 {
                // A prime step, so that neighbours in time are none in the tree.
                done += 1;
                black_box(store.get(keys[done * 7919 % KEYS].clone()).await?);
            }
        }
        let rate = done as f64 / (env.instant() - begun).as_secs_f64();
        Ok::<_, BoxError>(figure("reads/s", ">= 500,000", rate))
    });
    remove(&folder, figure)
}

fn long_list(_: &Plan<'_>) -> Result<Figure, BoxError> {
    const OBJECTS: usize = 150_000;
    runtime()?.block_on(async {
        let env = Env::system();
        let store = MemoryStore::new(env.clone());
        // A list shares the bytes of the values, so that one value can stand for all.
        let body = Value::from_bytes(Bytes::from(vec![b'x'; 10_000]));
        for n in 0..OBJECTS {
            store.txn(put(key(n), body.clone())).await?;
        }
        let begun = env.instant();
        let listed = store.list(KeyRange::prefix("/registry/pods/"), Revision::ZERO, 0).await?;
        let took = env.instant() - begun;
        black_box(listed.kvs.len());
        Ok(figure("s", "< 1 s", took.as_secs_f64()))
    })
}

/// All watch one prefix, and the writer does not wait until they have taken what it wrote.
fn prefix_updates(plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let rates = updates(plan, |_| PREFIX.into(), |n| format!("{PREFIX}{n:04}/"))?;
    Ok(figure("updates/s", ">= 100,000", rates.written))
}

fn own_updates(plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let prefix = |watcher: usize| format!("{PREFIX}{watcher:04}/");
    let rates = updates(plan, prefix, prefix)?;
    Ok(figure("updates/s", ">= 100,000", rates.taken))
}

fn all_updates(plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let rates = updates(plan, |_| PREFIX.into(), |n| format!("{PREFIX}{n:04}/"))?;
    Ok(figure("deliveries/s", ">= 1,000,000", rates.taken * WATCHERS as f64))
}

/// What is watched.
const PREFIX: &str = "/registry/pods/";

/// Updates a second.
struct Rates {
    /// Of the time that the writer took, with waking the watchers.
    written: f64,
    /// Of all time, until every watcher had taken what concerns it.
    taken: f64,
}

/// How many watchers there are.
const WATCHERS: usize = 1000;

/// Updates with watchers of `watched`, which take what is there after each hundred.
fn updates(
    plan: &Plan<'_>,
    watched: impl Fn(usize) -> String,
    written: impl Fn(usize) -> String,
) -> Result<Rates, BoxError> {
    runtime()?.block_on(async {
        let env = Env::system();
        let store = MemoryStore::new(env.clone());
        let mut tasks = Tasks::new();
        for n in 0..WATCHERS {
            let request = WatchRequest::new(KeyRange::prefix(watched(n)), Revision::ZERO);
            let mut stream = store.watch(request).await?;
            tasks.push(env.spawn("watcher", async move {
                while let Some(update) = stream.next().await {
                    black_box(update.is_ok());
                }
            }));
        }
        let keys: Vec<Key> =
            (0..WATCHERS).map(|n| Key::from(format!("{}web", written(n)))).collect();
        let body = value(256);
        let (mut done, mut writing) = (0_usize, Duration::ZERO);
        let begun = env.instant();
        while env.instant() - begun < plan.time {
            let round = env.instant();
            for _ in 0..100 {
                done += 1;
                store.txn(put(keys[done * 7919 % WATCHERS].clone(), body.clone())).await?;
            }
            writing += env.instant() - round;
            env.activity().idle().await;
        }
        let rate = |time: Duration| done as f64 / time.as_secs_f64();
        Ok(Rates { written: rate(writing), taken: rate(env.instant() - begun) })
    })
}

fn fork(_: &Plan<'_>) -> Result<Figure, BoxError> {
    const FORKS: u32 = 10_000;
    runtime()?.block_on(async {
        let env = Env::system();
        let store = filled(&env, KEYS, 256)?;
        let begun = env.instant();
        for _ in 0..FORKS {
            black_box(store.fork(env.clone()));
        }
        let took = (env.instant() - begun).as_secs_f64();
        Ok(figure("us", "O(1)", took * 1e6 / f64::from(FORKS)))
    })
}

fn old_list(_: &Plan<'_>) -> Result<Figure, BoxError> {
    const LISTS: u32 = 1000;
    runtime()?.block_on(async {
        let env = Env::system();
        let store = filled(&env, KEYS, 256)?;
        let then = store.status().await?.revision;
        for n in 0..50_000 {
            store.txn(put(key(n * 7919 % KEYS), value(256))).await?;
        }
        let time = async |revision| {
            let begun = env.instant();
            for _ in 0..LISTS {
                black_box(store.list(KeyRange::prefix("/registry/"), revision, 500).await?);
            }
            Ok::<_, BoxError>((env.instant() - begun).as_secs_f64() / f64::from(LISTS))
        };
        let (old, new) = (time(then).await?, time(Revision::ZERO).await?);
        Ok(figure("x as long as now", "as fast as now", old / new))
    })
}

/// Takes the files away, whatever came out.
fn remove(folder: &Path, figure: Result<Figure, BoxError>) -> Result<Figure, BoxError> {
    std::fs::remove_dir_all(folder)?;
    figure
}
