"""Smoke: one payment from creation to balance."""
from payments_schema.ledger import movements
from payments_schema.money import Money
from payments_schema.payments import store
from payments_schema.payments.store import NewPayment
from payments_schema.reconciliation import store as recon
from payments_schema.wire.payments import PaymentStatus, ReconciliationStatus


async def test_way_of_a_payment(conn):
    outs = await store.create_many(conn, "c", [NewPayment("k1", "ACC", Money(25000, "USD")), NewPayment("k1", "ACC", Money(25000, "USD")), NewPayment("k1", "ACC", Money(2500, "USD"), "x")])
    await conn.commit()
    assert [o.outcome for o in outs] == ["created", "replayed", "reused"]
    assert outs[2].differs == ("amount", "description")
    assert outs[0].payment == outs[1].payment
    ids = [r[0] for r in await (await conn.execute("select id from core.recon_job")).fetchall()]
    jobs = await recon.claim(conn, ids, "w")
    assert len(jobs) == 1
    job = jobs[0]
    posting = movements.direct_payment(job.payment_id, job.account_id, Money(job.amount_minor, job.currency), job.created_at, Money(13, "USD"))
    assert await recon.complete_many(conn, [recon.Outcome(job, ReconciliationStatus.COMPLETED_WITH_DISCREPANCY, False, 13, "n", PaymentStatus.COMPLETED, posting)], worker="w") == 1
    await conn.commit()
    print(await store.get(conn, job.payment_id))
    b = await store.balance(conn, "ACC", "USD")
    assert b.balance == "250.00"
    for v in ("payments", "recon_jobs", "reconciliation_results", "ledger_entries", "invoices"):
        print(await (await conn.execute(f"select * from {v}")).fetchall())
    print(await (await conn.execute("select * from dramatiq.queue")).fetchall())
